"""Accepted samples: each index publishes the first of its draws that passes, whatever became of the others."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genai.accept import Terms
from genai.checkpoint import Checkpoint
from genai.errors import Refused
from genai.families.vae import Vae
from genai.filters import Filter
from genai.generate import Generator
from genai.modalities.image import Image
from genai.space import Space
from genai.train import initial

FAMILY = Vae("dense", latent=4, width=16)
WEIGHTS = {name: 3 * t for name, t in initial(FAMILY, Space((1, 6, 5)), 2, 0).state_dict().items()}
GENERATOR = Generator(Checkpoint(FAMILY, Image((6, 5), "L"), ("a", "b"), WEIGHTS, {}), seed=1, batch=16)
INDICES, DRAWS = range(7, 27), 4
LABELS = [i % 2 for i in INDICES]
EACH = [GENERATOR.draw(INDICES, LABELS, attempt) for attempt in range(DRAWS)]
KNOWN = {array.tobytes(): (i, attempt) for attempt, drawn in enumerate(EACH) for i, array in enumerate(drawn)}


@dataclass(frozen=True)
class Table(Filter):
    """Refuses the (row, attempt) pairs that it is told, which it knows by their pixels."""

    refused: frozenset = frozenset()
    spread: bool = False  # a reason for each

    def judge(self, arrays, labels, modality):
        found = [KNOWN[array.tobytes()] for array in arrays]
        assert list(labels) == ["ab"[LABELS[row]] for row, _ in found]
        return [(f"told {pair}" if self.spread else "told") if pair in self.refused else None for pair in found]


PAIRS = st.frozensets(st.tuples(st.integers(0, len(INDICES) - 1), st.integers(0, DRAWS - 2)))


@given(PAIRS, st.integers(1, len(INDICES)))
def test_each_index_publishes_its_first_draw_that_passes(refused, cut):
    """To the same bits in one piece and in two, and all draws are accounted for."""
    terms = Terms((Table(refused),), DRAWS)
    first = [next(a for a in range(DRAWS) if (row, a) not in refused) for row in range(len(INDICES))]
    whole = terms.draw(GENERATOR, INDICES, LABELS)
    pieces = [terms.draw(GENERATOR, INDICES[part], LABELS[part]) for part in (slice(0, cut), slice(cut, None))]
    expected = np.stack([EACH[attempt][row] for row, attempt in enumerate(first)])
    np.testing.assert_array_equal(whole.arrays, expected)
    np.testing.assert_array_equal(np.concatenate([piece.arrays for piece in pieces]), expected)
    assert sum(whole.rejected.values()) == sum(sum(piece.rejected.values()) for piece in pieces) == sum(first)


def test_an_index_that_is_refused_too_often_ends_the_shard():
    """The error says which, by whom and how often, and comes through pickling as what it is."""
    never = frozenset((3, attempt) for attempt in range(DRAWS))
    with pytest.raises(Refused, match=r"sample 10 was refused 4 times, .*Table: told \(5 times\)") as raised:
        Terms((Table(never | {(5, 0)}),), DRAWS).draw(GENERATOR, INDICES, LABELS)
    assert type(pickle.loads(pickle.dumps(raised.value))) is Refused


def test_more_reasons_than_anybody_reads_are_counted_as_one():
    """A filter whose reasons differ by row cannot fill the manifest."""
    refused = frozenset((row, attempt) for row in range(20) for attempt in range(2))
    rejected = Terms((Table(refused, spread=True),), DRAWS).draw(GENERATOR, INDICES, LABELS).rejected
    assert (len(rejected), sum(rejected.values()), rejected["other reasons"]) == (21, 40, 20)


def test_progress_hears_of_every_batch():
    """A worker that draws again and again has not gone silent."""
    told = []
    Terms((Table(frozenset((row, 0) for row in range(17))),), DRAWS).draw(GENERATOR, INDICES, LABELS, told.append)
    assert told == [0, 16, 20, 36]
