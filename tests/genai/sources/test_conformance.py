"""What every source does."""

import pickle

import numpy as np
import pytest

from genai import sources
from genai.errors import DataError
from genai.registry import names
from genai.sources import open_source
from jobs.stores import open_store


def test_every_kind_is_in_this_suite(kinds):
    """A new source that joins no fixture here fails this test."""
    assert set(names(sources)) == kinds


def test_a_fragment_has_the_rows_that_it_promises(source):
    """Fragment.rows is exact, since counts are planned by it."""
    for fragment in source.fragments():
        assert len(list(source.read(fragment))) == fragment.rows > 0


def test_every_row_has_a_name_of_its_own(read, uri):
    """`where` tells any two rows apart."""
    places = [row.where for row in read(uri)]
    assert len(set(places)) == len(places)


def test_reading_again_gives_the_same_rows(read, uri, same):
    """Fragments and rows are pure functions of the files."""
    for a, b in zip(read(uri), read(uri), strict=True):
        assert (a.label, a.where) == (b.label, b.where)
        assert same(a.value, b.value)


def test_a_pickled_source_reads_the_same(source, same):
    """A source can be sent to a worker."""
    sent = pickle.loads(pickle.dumps(source))
    last = source.fragments()[-1]
    for a, b in zip(source.read(last), sent.read(last), strict=True):
        assert (a.label, a.where) == (b.label, b.where)
        assert same(a.value, b.value)


def test_values_are_rows_and_labels_are_labels(read, uri, modality):
    """Values are bytes, or uint8 arrays, that the modality decodes; each has a label."""
    for row in read(uri)[:5]:
        assert isinstance(row.value, bytes) or row.value.dtype == np.uint8
        assert modality.resolve(row.value).decode(row.value)[0].dtype == np.uint8
        assert isinstance(row.label, int | str)
        assert row.error is None


def test_labels_are_left_out_when_none_are_asked_for(read, uri):
    """With `label: null` no row has a label."""
    assert {row.label for row in read(uri, None)} == {None}


def test_a_missing_label_column_is_named_with_what_is_allowed(uri, modality):
    """Asking for another column fails before anything is read."""
    with pytest.raises(DataError, match=r"no column 'species'|no label column 'species'.*\blabel\b"):
        open_source(uri, "species", open_store, modality).fragments()


def test_the_fingerprint_stays_while_the_files_do(source):
    """Two listings of the same files say the same."""
    assert source.fingerprint() == source.fingerprint() != []
