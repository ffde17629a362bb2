"""Pretrained pipelines of pictures: whose a pixel is, and what is refused."""

import json

import pytest
import torch

from genai.errors import InputError
from genai.families.diffusers import Diffusers, Steps
from genai.noise import IndexNoise
from tests.pipelines import captions, save_pictures

FAMILY = Diffusers(prompt_length=64)
ROWS = 16


@pytest.fixture(scope="module", params=["one", "xl"])
def saved(request, tmp_path_factory):
    """A Stable Diffusion, and a Stable Diffusion XL."""
    return save_pictures(tmp_path_factory.mktemp(request.param), xl=request.param == "xl")


@pytest.fixture(scope="module")
def net(saved):
    return FAMILY.load(saved)


def drawn(net, prompts, indices, **steps):
    """Pictures, (B, 3, H, W)."""
    with torch.inference_mode():
        return FAMILY.sample(net, captions(prompts), IndexNoise(0, indices), Steps(**{"steps": 2, **steps}))


def test_a_row_hangs_on_nothing_beside_it(net):
    """To the last bit, of a scheduler that draws on the way: other prompts, of other lengths, and another place."""
    one = drawn(net, ["a cat", *["two black dogs"] * 15], range(ROWS))
    other = drawn(net, [*["a fish"] * 9, "a cat", *["x" * 30] * 6], [*range(20, 29), 0, *range(40, 46)])

    assert one.shape == (ROWS, 3, 16, 16)
    assert one[0].equal(other[9])
    assert not one[1].equal(one[2])


@pytest.mark.parametrize("changed", [{"guidance": 1.0}, {"negative": "blurry"}, {"steps": 3}])
def test_what_the_sampler_says_changes_the_picture(net, changed):
    """Guidance, what it leads away from, and steps."""
    plain, other = (drawn(net, ["a cat"] * ROWS, range(ROWS), **how) for how in ({}, changed))

    assert not plain[0].equal(other[0])


@torch.inference_mode()
def edited(net, rows, hole, prompts, indices, strength=0.6):
    """Those rows varied, or with the hole filled."""
    asked, noise = captions(prompts), IndexNoise(0, indices)
    if hole is None:
        return FAMILY.vary(net, rows, asked, noise, Steps(steps=3), strength)
    return FAMILY.fill(net, rows, hole, asked, noise, Steps(steps=2))


@pytest.mark.parametrize("mode", ["vary", "fill"])
def test_a_picture_made_of_a_picture_hangs_on_nothing_beside_it(net, mode):
    """To the last bit: on its own row, prompt and index alone."""
    rows = torch.rand(ROWS, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    holes = torch.rand(ROWS, 1, 16, 16, generator=torch.Generator().manual_seed(1)) < 0.5
    turn = [9, *range(9), *range(10, ROWS)]
    one = edited(net, rows, holes if mode == "fill" else None, ["a cat"] * ROWS, range(ROWS))
    prompts = ["a fish"] * ROWS
    prompts[0] = "a cat"
    other = edited(net, rows[turn], holes[turn] if mode == "fill" else None, prompts, turn)

    assert one.shape == rows.shape
    assert one[9].equal(other[0])
    assert not one[1].equal(one[2])


def test_each_strength_makes_another_picture(net):
    """From the step on at which so much noise is left; one that is less than a step is a step."""
    rows = torch.zeros(ROWS, 3, 16, 16)
    ends = [edited(net, rows, None, ["a cat"] * ROWS, range(ROWS), strength) for strength in (0.01, 0.67, 1.0)]

    assert len({picture.numpy().tobytes() for picture in (end[0] for end in ends)}) == 3


def test_too_many_tokens_are_refused(net):
    """Not cut; of a prompt, and of what pictures are led away from."""
    with pytest.raises(InputError, match="found 33 tokens; allowed: 1 to 32"):
        drawn(net, ["a cat", "x" * 33], range(2))
    with pytest.raises(InputError, match="found 40 tokens; allowed: 1 to 32"):
        drawn(net, ["a cat"], range(1), negative="y" * 40)


def test_no_pixel_tells_whether_a_library_is_installed(net):
    """That of the watermark, which Stable Diffusion XL would set where it is."""
    assert net.pipe.watermark is None


def configs(folder, **index):
    """The pipeline's configs, the index with other entries."""
    found = {str(path.relative_to(folder)): json.loads(path.read_text()) for path in folder.rglob("*.json")}
    return found | {"model_index.json": found["model_index.json"] | index}


@pytest.mark.parametrize(
    ("index", "fields", "told"),
    [
        ({"_class_name": "WanPipeline"}, {}, "found WanPipeline; allowed: StableDiffusionPipeline, StableDiffusionXL"),
        ({"vae": ["os", "system"]}, {}, "found vae of .*allowed: classes of diffusers"),
        ({"scheduler": ["diffusers", "DPMSolverSDEScheduler"]}, {}, "whose noise is no sample's own"),
        ({}, {"size": 20}, "found size 20 x 20; allowed: multiples of 8"),
        ({}, {"size": (16, 12)}, "found size 16 x 12"),
    ],
)
def test_what_it_cannot_draw_from_is_refused_by_its_configs(saved, index, fields, told):
    """Before anything is fetched."""
    with pytest.raises(InputError, match=told):
        Diffusers(**fields).rows(configs(saved, **index))


def test_a_size_is_as_trained_or_as_said(saved):
    """Both sides, or height and width."""
    sizes = [Diffusers(size=size).rows(configs(saved))["of"]["size"] for size in (None, 24, (8, 32))]

    assert sizes == [[16, 16], [24, 24], [8, 32]]


def test_what_cannot_be_loaded_is_one_error(tmp_path):
    """Whatever the library makes of it."""
    save_pictures(tmp_path)
    (tmp_path / "unet/config.json").write_text("{}")
    with pytest.raises(InputError, match="the pipeline cannot be loaded"):
        FAMILY.load(tmp_path)
