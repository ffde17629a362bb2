"""Every target of the fuzzer, for a moment: real files, changed."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import mutators
from tests.fuzz.targets import TARGETS

CHANGES = st.lists(st.tuples(st.booleans(), st.integers(0, 2**32)), min_size=1, max_size=4)


@pytest.mark.parametrize("name", TARGETS)
def test_real_files_are_read(name):
    """Each file to begin with is taken, or the fuzzer would look at refusals only."""
    target = TARGETS[name]

    assert sum(map(target, target.seeds())) > len(target.seeds()) / 2


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=200)
@given(data=st.data())
def test_changed_files_are_read_or_refused(name, data):
    """Some bytes flipped, or some values changed under a checksum that fits: a GenaiError at most."""
    target = TARGETS[name]
    changed = data.draw(st.sampled_from(target.seeds()))
    for own, seed in data.draw(CHANGES):
        changed = (target.mutate if own else mutators.flipped)(changed, Random(seed))

    target(changed)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=50)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(name, data):
    """Rubbish of any kind."""
    TARGETS[name](data)
