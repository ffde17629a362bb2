"""Errors as text."""

import pickle
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genai.errors import GenaiError, InputError, SpecError

SECRETS = st.text("abcXYZ019+/=-_.~%", min_size=8, max_size=40).map(lambda text: f"canary{text}")
SCHEMES = st.sampled_from(["s3", "http", "https", "file", "memory", "sklearn", "x-y.z"])


@given(SCHEMES, SECRETS, SECRETS, st.sampled_from(["{} was refused", "'{}': found", "a {} b s3://bucket/x"]))
def test_no_error_tells_the_user_of_a_uri(scheme, user, password, sentence):
    """Whoever put it there, and also where the password has slashes, as keys of AWS do."""
    for who, kind in product((f"{user.replace('/', '')}:{password}", user.replace("/", "")), (GenaiError, InputError)):
        text = sentence.format(f"{scheme}://{who}@host:9000/bucket/key")
        for error in (kind(text), SpecError((text, "another")), pickle.loads(pickle.dumps(kind(text)))):
            assert "canary" not in str(error)
            assert f"{scheme}://***@host:9000/bucket/key" in str(error)


@pytest.mark.parametrize(
    "text",
    [
        "s3://bucket/a@b/c: there is no such object",
        "http://127.0.0.1:9000 answered SlowDown (503)",
        "http://127.0.0.1:9000/a@b",
        "memory://name",
        "write to me@example.org",
        "C:\\x@y",
        "",
    ],
)
def test_what_is_no_user_stays(text):
    """Keys and host names may be told, and an @ in a path is part of it."""
    assert str(GenaiError(text)) == text


@pytest.mark.parametrize("kind", [GenaiError, lambda text: SpecError((text,))], ids=["any", "spec"])
def test_no_error_moves_the_cursor(kind):
    """Names of classes and columns come from files; lines and tabs stay."""
    assert str(kind("found \x1b]0;title\x07\x1b[2J\x9b1m\r\x7f; é\tb\nc")) == (
        "found \\x1b]0;title\\x07\\x1b[2J\\x9b1m\\r\\x7f; é\tb\nc"
    )
