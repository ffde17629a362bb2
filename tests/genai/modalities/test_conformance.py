"""What every modality does."""

import subprocess
import sys
from dataclasses import FrozenInstanceError, fields, is_dataclass

import numpy as np
import pyarrow as pa
import pytest
import torch

from genai import modalities
from genai.modalities import Modality
from genai.registry import find, name_of, names


def decoded(case):
    return np.stack([case.modality.decode(value)[0] for value in case.values])


def test_every_kind_is_in_this_suite(kinds):
    """A new modality that joins no fixture here fails this test."""
    assert set(names(modalities)) == kinds


def test_a_modality_is_a_frozen_dataclass_with_defaults(kinds):
    """The spec may name it alone, and its fields are what the spec may say."""
    for kind in kinds:
        made = find(modalities, kind, Modality)()
        assert is_dataclass(made)
        assert name_of(modalities, type(made)) == kind
        with pytest.raises(FrozenInstanceError):
            setattr(made, fields(made)[0].name, None)


def test_importing_a_modality_loads_no_torch(kinds):
    """A job file is checked without it."""
    imports = "; ".join(f"import genai.modalities.{kind}" for kind in kinds)
    done = subprocess.run(
        [sys.executable, "-c", f"{imports}; import sys; assert 'torch' not in sys.modules"], timeout=60
    )
    assert done.returncode == 0


def test_decoding_gives_one_shape_and_a_hash_of_the_content(case):
    """Arrays are uint8 of `array_shape`; different values have different hashes, the same the same."""
    arrays, contents = zip(*map(case.modality.decode, case.values), strict=True)
    assert {array.shape for array in arrays} == {case.modality.array_shape}
    assert {array.dtype for array in arrays} == {np.dtype(np.uint8)}
    assert len(set(contents)) == len(contents)
    assert [case.modality.decode(value)[1] for value in case.values] == list(contents)
    assert {len(content) for content in contents} == {32}


def test_arrays_come_back_from_tensors_unchanged(case):
    """to_tensor is of the space: float32 in [-1, 1], or int64 in the vocabulary; from_tensor undoes it, or gives an
    array of nearly that tensor, where one lacks something.
    """
    x, space = case.modality.to_tensor(decoded(case)), case.modality.space
    assert x.dtype == (torch.int64 if case.modality.tokens else torch.float32)
    assert x.shape[1:] == space.shape == case.modality.shape
    assert x.abs().max() <= (space.vocabulary - 1 if case.modality.tokens else 1)
    again = case.modality.from_tensor(x)
    assert again.shape == decoded(case).shape
    assert not case.exact or (again == decoded(case)).all()
    assert (case.modality.to_tensor(again) - x).abs().float().mean() < 0.1


def test_tensors_beyond_the_range_are_clipped(case):
    """A model of numbers may overshoot; the array then holds the nearest level."""
    if case.modality.tokens:
        return
    x = case.modality.to_tensor(decoded(case))
    assert (case.modality.from_tensor(x.sign() * 7) == case.modality.from_tensor(x.sign())).all()


def test_rows_do_not_depend_on_their_neighbours(case):
    """Tensors and cells of one row are those of the row in a batch."""
    arrays = decoded(case)
    assert case.modality.cells(arrays) == [case.modality.cells(arrays[i : i + 1])[0] for i in range(len(arrays))]
    x = case.modality.to_tensor(arrays)
    assert torch.equal(x[1:2], case.modality.to_tensor(arrays[1:2]))
    assert (case.modality.from_tensor(x)[1:2] == case.modality.from_tensor(x[1:2])).all()


def test_cells_can_be_read_as_a_source(case):
    """What is published decodes to what was generated; but no file has a caption."""
    if case.modality.captions:
        return
    again = np.stack([case.modality.decode(cell)[0] for cell in case.modality.cells(decoded(case))])
    assert (again == decoded(case)).all()


def test_the_published_columns_can_be_read_as_a_source(case):
    """They are the ones that are said, Hugging Face knows each, and the rows of such a table are the arrays."""
    arrays = decoded(case)
    made = case.modality.columns(arrays, [f"{i}.x" for i in range(len(arrays))])
    assert tuple(made) == case.modality.published
    assert all(feature["_type"] for _, feature in made.values())
    table = pa.table({name: column for name, (column, _) in made.items()})
    strict = case.modality.strict()
    values = strict.values(table.select(strict.picked("a.parquet", table.schema)).combine_chunks())
    assert (np.stack([strict.decode(value)[0] for value in values]) == arrays).all()


def test_resolving_twice_changes_nothing(case):
    """A resolved modality stays what it is."""
    assert case.modality.resolve(case.values[1]) == case.modality
