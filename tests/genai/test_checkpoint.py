"""Checkpoints as files."""

import itertools
import json
import sys
from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genai import weights
from genai.checkpoint import CONFIG, MODEL, Checkpoint, digest_of
from genai.errors import IntegrityError
from genai.families.vae import Vae
from genai.modalities.image import Image
from genai.recipe import Recipe
from genai.space import Space
from genai.train import Trained, initial

FAMILY = Vae("dense", latent=2, width=4)
WEIGHTS = initial(FAMILY, Space((1, 2, 3)), 2, 0).state_dict()
TRAINED = Trained(WEIGHTS, 7, {"nelbo": 1.0}, [])
MADE = Checkpoint.of(TRAINED, FAMILY, Image((2, 3), "L"), ("no", "yes"), Recipe(steps=7), "d" * 64)
FILES = MADE.to_files()


def changed(**fields):
    """The files with other fields in the config."""
    return {**FILES, CONFIG: json.dumps({**json.loads(FILES[CONFIG]), **fields}).encode()}


def test_a_checkpoint_comes_back_whole():
    """Family, modality, classes, weights, what made it, and the digest."""
    found = Checkpoint.from_files(FILES, MADE.digest)
    assert (found.family, found.modality) == (FAMILY, Image((2, 3), "L"))
    assert (found.classes, found.made) == (("no", "yes"), MADE.made)
    assert all(torch.equal(found.weights[name], t) for name, t in WEIGHTS.items())
    assert (found.to_files(), found.digest) == (FILES, MADE.digest)


def test_the_config_says_what_made_it_and_nothing_of_the_moment():
    """Everything that can change bits, and no clock, no rank, no host, no path."""
    found = json.loads(FILES[CONFIG])
    assert set(found) == {
        *("format", "family", "modality", "shape", "classes"),
        *("recipe", "steps", "prepared", "device", "torch", "genai"),
    }
    assert found["family"]["kind"] == "vae"
    assert found["steps"] == 7


def test_the_digest_is_of_both_files():
    """Another weight or another field is another checkpoint."""
    other = replace(MADE, weights={name: t + 1 for name, t in WEIGHTS.items()})
    assert len({MADE.digest, other.digest, replace(MADE, classes=("a", "b")).digest}) == 3


def test_labels_that_a_member_ignores_are_not_its_classes():
    """An unconditional member of a labelled data set has no classes."""
    family = replace(FAMILY, conditional=False)
    trained = replace(TRAINED, weights=initial(family, Space((1, 2, 3)), 2, 0).state_dict())
    made = Checkpoint.of(trained, family, Image((2, 3), "L"), ("no", "yes"), Recipe(steps=7), "")
    assert Checkpoint.from_files(made.to_files(), made.digest).classes == ()


def test_other_bytes_than_the_digest_says_are_refused():
    """A swapped weight file, too."""
    other = replace(MADE, weights={name: t + 1 for name, t in WEIGHTS.items()}).to_files()
    with pytest.raises(IntegrityError, match=r"found digest .* expected"):
        Checkpoint.from_files({**FILES, MODEL: other[MODEL]}, MADE.digest)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"format": 99}, "found format 99, this program reads 1"),
        ({"family": {"kind": "vea"}}, "did you mean 'vae'"),
        ({"family": {"kind": "vae", "colour": 3}}, "colour"),
        ({"family": {"kind": "vae", "backbone": "dense", "latent": 2, "width": 5}}, "expected"),
        ({"family": {"kind": "vae", "backbone": "dense", "latent": 2, "width": 10**8}}, "expected"),
        ({"family": None}, "cannot be used"),
        ({"modality": {"kind": "image"}}, "cannot be used"),
        ({"shape": [1, 3, 2]}, "its modality has"),
        ({"classes": 5}, "cannot be used"),
        ({"classes": ["only one"]}, "expected"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(fields, message):
    """By name, before any memory is taken for the network it claims."""
    with pytest.raises(IntegrityError, match=message):
        Checkpoint.from_files(changed(**fields))


@pytest.mark.parametrize("config", [b"", b"[]", b"{", b"null", b"[" * 100_000, b'{"a":' * 100_000, b" " * (2 << 20)])
def test_a_config_that_is_none_is_refused(config):
    """Rubbish, too deep, too large."""
    with pytest.raises(IntegrityError):
        Checkpoint.from_files({**FILES, CONFIG: config})


def test_a_missing_file_is_named():
    """Half a checkpoint is none."""
    with pytest.raises(IntegrityError, match=r"no model.safetensors"):
        digest_of({CONFIG: FILES[CONFIG]})


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda x: st.lists(x, max_size=3)), st.data())
def test_any_value_in_any_field_is_read_or_refused(value, data):
    """Never another error than ours."""
    name = data.draw(st.sampled_from(["family", "modality", "shape", "classes", "format"]))
    try:
        Checkpoint.from_files(changed(**{name: value}))
    except IntegrityError as error:
        assert str(error).startswith("checkpoint: ")  # noqa: PT017 (some values are fine)


@pytest.mark.parametrize(
    "fields",
    [
        {"family": {"kind": "flow", "widths": [8] * 7}},
        {"family": {"kind": "flow", "widths": [8], "depth": 10**12}},
        {"family": {"kind": "flow", "widths": 8}},
        {"family": {"kind": "vae", "backbone": "dense", "latent": 2.0, "width": 4}},
        {"family": {"kind": "vae", "backbone": "dense", "latent": 2, "width": True}},
        {"family": {"kind": "vae", "backbone": "linear"}},
        {"modality": {"kind": "image", "size": [2**20, 2**20], "mode": "L"}},
        {"modality": {"kind": "image", "size": [2, -3], "mode": "L"}},
        {"modality": {"kind": "image", "size": "2", "mode": "L"}},
        {"modality": {"kind": "image", "size": [2, 3], "mode": "CMYK"}},
        {"classes": "ab"},
        {"classes": [1, 2]},
        {"shape": 6},
    ],
    ids=itertools.count(),
)
def test_a_field_beyond_its_bounds_is_refused(fields):
    """Before it says how many layers are built, or how much a sample takes."""
    with pytest.raises(IntegrityError, match="cannot be used"):
        Checkpoint.from_files(changed(**fields))


@pytest.mark.parametrize("name", ["antigravity:Flow", "antigravity.x:Flow", "antigravity:", ":"])
@pytest.mark.parametrize("field", ["family", "modality"])
def test_a_checkpoint_imports_nothing(field, name):
    """A class that the job file did not name before is not looked for."""
    with pytest.raises(IntegrityError, match="cannot be used"):
        Checkpoint.from_files(changed(**{field: {"kind": name}}))
    assert "antigravity" not in sys.modules


@dataclass(frozen=True)
class Own(Vae):
    """A user's own family, known in this process."""


def test_a_family_that_is_known_here_is_found_again():
    """As the job file's reader has imported it."""
    family = Own("dense", latent=2, width=4)
    made = Checkpoint.of(TRAINED, family, Image((2, 3), "L"), ("no", "yes"), Recipe(steps=7), "d" * 64)
    assert Checkpoint.from_files(made.to_files(), made.digest).family == family


@pytest.mark.parametrize("kind", [torch.complex64, torch.bool, torch.int64])
def test_weights_that_are_no_real_numbers_are_refused(kind):
    """They would be bent to fit, with a warning at most."""
    bent = {name: tensor.to(kind) for name, tensor in WEIGHTS.items()}
    with pytest.raises(IntegrityError, match=rf"found {kind} as"):
        Checkpoint.from_files({**FILES, MODEL: weights.to_bytes(bent)})


def test_half_a_checkpoint_is_none_without_a_digest_too():
    """The missing file is named."""
    with pytest.raises(IntegrityError, match=r"no config\.json"):
        Checkpoint.from_files({MODEL: FILES[MODEL]})
