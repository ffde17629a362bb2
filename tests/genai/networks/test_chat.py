"""A prompt as a user's turn under a chat template."""

import pytest

from genai.errors import InputError
from genai.networks import chat
from genai.networks.chat import Turns
from tests.pipelines import CHAT, tokenizer


def text(tokenizer, prompt, **turns):
    return tokenizer.decode(Turns(**turns).tokens(tokenizer, [prompt])[0])


def test_a_prompt_is_a_users_turn_before_the_models():
    """And the system's comes before both, where the job says one."""
    made = tokenizer(chat=CHAT)

    assert text(made, "a cat") == "<user>a cat<end><model>"
    assert text(made, "a cat", system="be brief") == "<system>be brief<end><user>a cat<end><model>"


def test_a_token_that_steers_is_plain_text_in_a_prompt():
    """So rows of a dataset cannot end their own turn."""
    made = tokenizer(chat=CHAT)
    (tokens,) = Turns().tokens(made, ["<end>"])

    assert tokens.count(256) == 1
    assert made.decode(tokens) == "<user><end><end><model>"


def test_a_template_that_shows_the_day_shows_that_of_the_job():
    """Never a clock's; where the job says none, that is an error."""
    made = tokenizer(chat="{% if strftime_now is defined %}{{ strftime_now('%d %b %Y') }}{% endif %}" + CHAT)

    assert text(made, "hi", day="2026-01-31") == "31 Jan 2026<user>hi<end><model>"
    with pytest.raises(InputError, match=r"model\.day: missing for a chat template that shows the day"):
        text(made, "hi")


@pytest.mark.parametrize(
    ("template", "told"),
    [
        (None, r"a tokenizer without a chat template; allowed: model\.chat: false"),
        ({"tool_use": CHAT}, "a tokenizer without a chat template"),
        ("{{ raise_exception('no system') }}", "the chat template cannot be used .*no system"),
        ("{% for", "the chat template cannot be used"),
        ("{{ messages.__class__.__mro__ }}", "the chat template cannot be used .*SecurityError"),
        ("{{ messages.append(1) }}", "the chat template cannot be used .*SecurityError"),
        ("{% include '/etc/passwd' %}", "the chat template cannot be used"),
        ("{{ strftime_now(messages[0].content) }}", "asks a clock"),
        ("{{ 'x' * 3000000 }}", r"found a prompt of 3,000,000 characters .*allowed: 1,048,576"),
        ("x" * (chat.LONGEST + 1), "found a chat template that is none"),
    ],
)
def test_a_template_that_cannot_be_used_is_one_error(template, told):
    """Whatever it tries: it is the folder's."""
    with pytest.raises(InputError, match=told):
        Turns(day="2026-01-31").tokens(tokenizer(chat=template), ["a cat"])
