"""Which files of a pretrained pipeline are taken, and which are refused."""

import pytest

from genai import pipeline
from genai.errors import InputError

SAFE = "unet/diffusion_pytorch_model.safetensors"


def test_what_makes_the_pipeline_is_taken_and_the_rest_is_passed_over():
    """In order; weights of other frameworks, pictures and pages are no part of it."""
    rest = ["README.md", "cat.png", "flax_model.msgpack", "tf_model.h5", "onnx/model.onnx", ".gitattributes"]
    made = ["merges.txt", "chat_template.jinja", "source.spm", "spiece.model", "unet/config.json", SAFE]

    assert pipeline.taken("there", [*rest, *made]) == sorted(made)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "unet/x.CKPT", "optimizer.pt", "a.pth", "b.pkl", "c.joblib"])
def test_a_pickle_is_refused_wherever_it_lies(name):
    """Also beside safetensors, with the command that converts it."""
    with pytest.raises(InputError, match=rf"there/{name}: found pickled weights.*save_file\("):
        pipeline.taken("there", [SAFE, name])


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([SAFE, "unet/my_unet.py"], "found code; allowed: pipelines of classes"),
        ([SAFE, "adapter_config.json"], "found an adapter; allowed: the whole model"),
        (["config.json"], r"found no \.safetensors file, but config\.json"),
        ([], r"found no \.safetensors file, but nothing"),
    ],
)
def test_what_is_no_pipeline_is_refused(names, told):
    """Or what may run, or is a part of one."""
    with pytest.raises(InputError, match=told):
        pipeline.taken("there", names)


def test_a_folder_has_so_many_files_at_most(monkeypatch):
    """However many its store lists."""
    monkeypatch.setattr(pipeline, "FILES", 3)
    assert len(pipeline.taken("there", [SAFE, "a.json", "b.json"])) == 3
    with pytest.raises(InputError, match="found more than 3 files"):
        pipeline.taken("there", [SAFE, "a.json", "b.json", "c.json"])


@pytest.mark.parametrize("key", ["auto_map", "custom_pipelines", "custom_generate"])
@pytest.mark.parametrize("form", ['{"%s": %s}', '{"text_config": {"%s": %s}}'])
def test_a_config_that_asks_for_code_is_refused(key, form):
    """Also where it is that of a part; an empty wish is none."""
    assert pipeline.config("there", (form % (key, "{}")).encode())
    with pytest.raises(InputError, match=f"there: found {key}, which asks for code"):
        pipeline.config("there", (form % (key, '{"AutoModel": "x.Y"}')).encode())


def test_a_kernel_from_elsewhere_is_code():
    """Attention that the library has is not."""
    assert pipeline.config("there", b'{"attn_implementation": "sdpa"}')
    with pytest.raises(InputError, match="found attn_implementation, which asks for code"):
        pipeline.config("there", b'{"attn_implementation": "someone/kernel"}')


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b"null", b"[" * 100_000, b"\xff"])
def test_a_config_that_is_none_is_refused(data):
    """Whatever its bytes are."""
    with pytest.raises(InputError, match=r"there: .*allowed: the JSON of a config"):
        pipeline.config("there", data)


def test_a_config_without_end_is_not_read(monkeypatch):
    """It has so many bytes at most."""
    monkeypatch.setattr(pipeline, "CONFIG_BYTES", 10)
    with pytest.raises(InputError, match="of 10 bytes at most"):
        pipeline.config("there", b'{"a": "bcdefgh"}')
