"""Families of the user's own, by `package.module:Class`."""

import sys

import pytest

from genai.errors import SpecError
from jobs.spec import MODALITY, load

SHORTEST = "name: digits\noutput: runs\ndata: {source: 'sklearn://digits'}\n"

OWN = """
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from annotated_types import Ge, Le, Len, MultipleOf, doc
from genai.families import Family

@dataclass(frozen=True)
class Pace:
    steps: Annotated[int, Ge(1), doc("Steps of a draw.")] = 3

class Draws(Family):
    def network(self, space, classes): ...
    def loss(self, net, x, c, noise): ...
    def sample(self, net, c, noise, sampler): ...

@dataclass(frozen=True)
class Own(Draws):
    width: Annotated[int, Ge(8), MultipleOf(8), doc("Units of a layer.")] = 8
    sizes: Annotated[tuple[int, ...], Len(1, 3)] = (1, 2)
    side: int | tuple[int, int] | None = None
    Sampler = Pace

    def __post_init__(self):
        if self.width == 104:
            raise ValueError("found a width of 104, which is unlucky; allowed: others")

@dataclass(frozen=True)
class Unsayable(Draws):
    where: "NoSuchType" = None

@dataclass(frozen=True)
class Unfinished(Family):
    width: int = 1

class Bare(Draws):
    width = 1
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A family of the user's own, on the path."""
    (tmp_path / "own_kinds.py").write_text(OWN)
    (tmp_path / "own_broken.py").write_text("raise RuntimeError('no such device')")
    monkeypatch.syspath_prepend(tmp_path)
    yield "own_kinds"
    sys.modules.pop("own_kinds", None)


def test_a_family_of_the_users_own_is_checked_like_ours(own):
    """`package.module:Class` brings its fields, their bounds and its sampler."""
    text = SHORTEST + f"model: {{family: {own}:Own, width: 16, side: [3, 4]}}\ngenerate: {{sampler: {{steps: 5}}}}\n"
    spec = load("job.yaml", text)

    assert (spec.model.family.width, spec.model.family.sizes, spec.model.family.side) == (16, (1, 2), (3, 4))
    assert spec.generate.sampler.steps == 5
    assert spec == load("again.yaml", spec.to_yaml())


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("{family: own_kinds:Own, width: 12}", "model.width: found 12; allowed: a multiple of 8"),
        ("{family: own_kinds:Own, sizes: []}", "model.sizes: found a list of 0; allowed: at least 1 item"),
        ("{family: own_kinds:Own, sizes: [1, 2, 3, 4]}", "model.sizes: found a list of 4; allowed: at most 3 item"),
        ("{family: own_kinds:Own, widt: 8}", "did you mean width?; allowed: family, width, sizes, side"),
        ("{family: own_kinds:Own, width: 104}", "model: found a width of 104, which is unlucky"),
        ("own_kinds:Unsayable", "Unsayable has a field that no job file can say"),
        ("own_kinds:Unfinished", "has methods left to write"),
        ("own_kinds:Bare", "is no dataclass"),
        ("own_kinds:Nothing", "cannot be imported"),
        ("own_broken:Own", "cannot be imported: no such device"),
    ],
)
def test_a_family_of_the_users_own_that_cannot_be_used_is_told(own, model, says):
    """No fault of a user's module becomes a traceback."""
    with pytest.raises(SpecError) as caught:
        load("job.yaml", SHORTEST + f"model: {model}\n")
    (fault,) = caught.value.faults

    assert says in fault


def test_what_the_data_settle_is_no_key_of_a_job_file():
    """Such a field is neither offered, nor taken, nor written."""
    with pytest.raises(SpecError, match=r"modality\.learned: found an unknown key; allowed: .*symbols, vocabulary$"):
        load("job.yaml", SHORTEST, ["data.modality={kind: text, learned: abc}"])
    assert not {"learned", "places"} & set(MODALITY.write(MODALITY.read("text")))
