"""Pretrained language models: whose a token is, what a model's own settings may change, and what is refused."""

import json
from dataclasses import replace

import pytest
import torch
from transformers import NllbTokenizer

from genai.errors import InputError
from genai.families.transformers import Choice, Transformers
from genai.noise import IndexNoise
from tests.pipelines import captions, save_llama, save_translator, save_words, tokenizer

FAMILY = Transformers(new_tokens=8, length=40, prompt_tokens=12, prompt_length=64)
KINDS = ("GPT2", "Llama", "T5", "Bart", "Marian")
LONG, SHORT = "twelve bytes", "a cat"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The folder of a model of each kind."""
    root = tmp_path_factory.mktemp("words")
    encoders = {kind: save_translator(root / kind, kind) for kind in KINDS[2:]}
    return {"GPT2": save_words(root / "GPT2"), "Llama": save_llama(root / "Llama"), **encoders}


@pytest.fixture(params=KINDS)
def net(saved, request):
    return FAMILY.load(saved[request.param])


def drawn(net, prompts, indices, **sampler):
    """The bytes of each text."""
    with torch.inference_mode():
        return FAMILY.sample(net, captions(prompts), IndexNoise(0, indices), Choice(**sampler)).tolist()


def seen(net, prompts, indices):
    """The logits of each row's first two tokens, (B, 2, V)."""
    kept = []
    with net.model.register_forward_hook(lambda _net, _given, out: kept.append(out.logits[:, -1].clone())):
        drawn(net, prompts, indices, top_k=1)
    return torch.stack(kept[:2], 1)


@pytest.mark.parametrize("own", [SHORT, LONG])
def test_a_row_hangs_on_nothing_beside_it(net, own):
    """To the last bit of its logits: neither on what the others are, nor on whether all are as long as may be."""
    one = seen(net, [own, *[SHORT] * 7, *[LONG] * 8], range(16))
    other = seen(net, [*[LONG] * 9, own, *[LONG] * 6], range(16))

    assert one[0].equal(other[9])
    assert drawn(net, [own, *[SHORT] * 15], range(16))[0] == drawn(net, [*[LONG] * 15, own], [*range(1, 16), 0])[15]


def test_an_index_is_a_text(net):
    """The same one twice, and another one another time."""
    texts = drawn(net, [SHORT] * 16, range(16))

    assert drawn(net, [SHORT] * 16, range(16)) == texts
    assert len({str(text) for text in texts}) > 4


@pytest.mark.parametrize("penalty", [1.0, 3.0])
def test_the_likeliest_tokens_are_those_of_the_library(net, penalty):
    """Of prompts of two lengths, each beside the other, against each alone and without padding."""
    (one, two) = drawn(net, [SHORT, LONG], range(2), top_k=1, repetition_penalty=penalty)
    for prompt, text in ((SHORT, one), (LONG, two)):
        asked = net.tokenizer(prompt, return_tensors="pt")["input_ids"]
        how = {"max_new_tokens": 8, "do_sample": False, "num_beams": 1, "repetition_penalty": penalty}
        found = net.model.generate(asked, attention_mask=torch.ones_like(asked), pad_token_id=256, **how)[0]
        own = found[1 if net.encodes else asked.shape[1] :]
        wanted = net.tokenizer.decode(own, skip_special_tokens=True).replace("\0", "")
        assert bytes(text).rstrip(b"\0") == wanted.encode()[:40].decode(errors="ignore").encode()


def test_a_text_ends_where_its_own_row_ends(saved, tmp_path):
    """Of a model that ends with one of several tokens, whose tokenizer has none to pad with, as Llama's has."""
    save_words(tmp_path)
    tokenizer(pad_token=None).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "generation_config.json").read_text())
    (tmp_path / "generation_config.json").write_text(json.dumps(config | {"eos_token_id": [256, *range(64)]}))
    net = FAMILY.load(tmp_path)
    texts = drawn(net, [SHORT] * 16, range(16))

    assert len({len(bytes(text).rstrip(b"\0")) for text in texts}) > 2
    assert all(drawn(net, [SHORT] * 16, [i] * 16)[0] == text for i, text in enumerate(texts))


def test_of_a_models_own_settings_only_those_of_tokens_count(saved, tmp_path):
    """No beams, no clock, no temperature; what a text has to begin with does."""
    save_translator(tmp_path, "Bart")
    own = {"num_beams": 3, "max_time": 1e-9, "temperature": 9.0, "do_sample": True, "forced_bos_token_id": 65}
    config = json.loads((tmp_path / "generation_config.json").read_text())
    (tmp_path / "generation_config.json").write_text(json.dumps(config | own))
    net = FAMILY.load(tmp_path)
    first = chr(next(iter(net.tokenizer.decode([65]).encode("latin-1", "ignore")), 0)) or "b"
    texts = drawn(net, [SHORT] * 16, range(16))

    assert net.model.generation_config.max_time is None
    assert {bytes(text)[:1].decode() for text in texts} == {first}


@pytest.mark.parametrize("kind", ["GPT2", "T5"])
def test_too_many_tokens_are_refused(saved, kind):
    """Not cut; and so are none."""
    net = FAMILY.load(saved[kind])
    with pytest.raises(InputError, match="found 13 tokens; allowed: 1 to 12"):
        drawn(net, [SHORT, LONG + "s"], range(2))


@pytest.mark.parametrize(
    ("name", "data"), [("model.safetensors", b"x" * 40), ("tokenizer.json", b"{}"), ("config.json", b"{}")]
)
def test_what_cannot_be_loaded_is_one_error(tmp_path, name, data):
    """Whatever the library makes of it."""
    save_words(tmp_path)
    (tmp_path / name).write_text("{}")
    with pytest.raises(InputError, match="the pipeline cannot be loaded") as told:
        FAMILY.load(tmp_path)
    assert str(tmp_path) not in str(told.value)


def test_configs_that_do_not_fit_one_another_are_one_error(tmp_path):
    """A tokenizer with more tokens than the model has."""
    save_words(tmp_path)
    made = tokenizer()
    made.add_tokens(["cat"])
    made.save_pretrained(tmp_path)
    with pytest.raises(InputError, match="the pipeline cannot be drawn from"):
        drawn(FAMILY.load(tmp_path), [SHORT] * 2, range(2))


def test_a_translator_is_told_its_languages(tmp_path):
    """NLLB reads its prompts under the token of one, and begins its texts with that of the other."""
    save_translator(tmp_path, "M2M100")
    (tmp_path / "tokenizer.json").unlink()
    letters = {letter: number for number, letter in enumerate(["<s>", "<pad>", "</s>", "<unk>", *"▁act"])}
    NllbTokenizer(vocab=letters, merges=[], src_lang="eng_Latn").save_pretrained(tmp_path)
    net = replace(FAMILY, source_language="fra_Latn", target_language="deu_Latn").load(tmp_path)
    tokens = net.tokenizer.convert_ids_to_tokens(net._read([SHORT])[0])

    assert tokens == ["fra_Latn", *"▁a▁cat", "</s>"]
    assert net.tokenizer.decode([net.model.generation_config.forced_bos_token_id]) == "deu_Latn"


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ({"target_language": "deu_Latn"}, "found the language 'deu_Latn'; allowed: one that"),
        ({"source_language": "<end>"}, "allowed: none, the tokenizer reads one"),
    ],
)
def test_a_language_that_its_tokenizer_does_not_know_is_refused(saved, field, told):
    """When it is loaded: the job file cannot know."""
    with pytest.raises(InputError, match=told):
        replace(FAMILY, **field).load(saved["T5"])


CONFIG = {"architectures": ["GPT2LMHeadModel"], "n_positions": 128}
BART = {"architectures": ["BartForConditionalGeneration"], "max_position_embeddings": 64}


@pytest.mark.parametrize(
    ("config", "fields", "told"),
    [
        ({"architectures": ["WhisperForConditionalGeneration"]}, {}, "found Whisper.*allowed: a causal language model"),
        ({}, {}, "found no config.json with architectures"),
        (CONFIG, {"new_tokens": 100}, "allowed: together at most 128"),
        (BART, {"prompt_tokens": 64}, "found prompt_tokens 64; allowed: at most 63"),
        (BART, {"new_tokens": 64}, "found new_tokens 64; allowed: at most 63"),
        (CONFIG | {"num_local_experts": 8}, {}, "num_local_experts 8, a mixture of experts"),
        (CONFIG | {"text_config": {"moe_num_experts": 4}}, {}, "moe_num_experts 4, a mixture of experts"),
        (CONFIG, {"target_language": "deu"}, "found target_language for GPT2LMHeadModel"),
    ],
)
def test_what_it_cannot_draw_from_is_refused_by_its_config(config, fields, told):
    """Before anything is fetched."""
    with pytest.raises(InputError, match=told):
        Transformers(**{"prompt_tokens": 32, "new_tokens": 32, **fields}).rows({"config.json": config})


def test_a_model_without_a_table_of_places_takes_as_many_as_are_asked_for():
    """As T5, which counts from place to place."""
    config = {"architectures": ["T5ForConditionalGeneration"], "n_positions": 512}
    found = Transformers(prompt_tokens=2000, length=99).rows({"config.json": config})

    assert found == {"kind": "captioned", "length": 512, "of": {"kind": "text", "length": 99}}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"system": "be brief"}, "found system without chat"),
        ({"day": "2026-01-31"}, "found day without chat"),
        ({"chat": True, "day": "today"}, "found day 'today'; allowed: a day, as 2026-01-31"),
    ],
)
def test_fields_of_a_dialogue_need_one(fields, told):
    """A job file says so where they stand."""
    with pytest.raises(InputError, match=told):
        Transformers(**fields)
