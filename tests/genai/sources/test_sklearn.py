"""The tables that scikit-learn carries, and its digits as one."""

import numpy as np
import pytest
from sklearn import datasets

from genai.errors import DataError
from genai.modalities.image import Image
from genai.modalities.table import Table
from genai.prepare import Terms, pieces, settle
from genai.sources import open_source
from jobs.stores import open_store

TERMS = Terms({"train": 1.0})


def opened(name, modality=Table(), label="label"):  # noqa: B008  # frozen
    return open_source(f"sklearn://{name}", label, open_store, modality)


@pytest.mark.parametrize("name", ["wine", "breast_cancer", "iris"])
def test_a_table_has_the_numbers_and_the_classes_of_scikit_learn(name):
    """Its columns have plain names, its labels those of the classes, and numbers come back from a tensor."""
    bunch, source = getattr(datasets, f"load_{name}")(), opened(name)
    rows = [row for fragment in source.fragments() for row in source.read(fragment)]
    assert [row.label for row in rows] == [bunch.target_names[number] for number in bunch.target]
    assert source.names() == bunch.target_names.tolist()
    assert all(column.isidentifier() for column in rows[0].value)
    table = settle(pieces([source]), Table(), TERMS)
    arrays = np.stack([table.decode(row.value)[0] for row in rows])
    assert (arrays.view("<f8")[:, :, 0] == bunch.data).all()
    np.testing.assert_allclose(table.from_tensor(table.to_tensor(arrays)).view("<f8")[:, :, 0], bunch.data, rtol=1e-5)


def test_without_a_label_the_class_is_no_column():
    """It is left out, not learned as a number."""
    source = opened("iris", label=None)
    row = next(source.read(source.fragments()[0]))
    assert row.label is None
    assert list(row.value) == ["sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm"]


def test_a_table_is_no_picture():
    """Who asks for pictures is told what is there."""
    with pytest.raises(DataError, match=r"sklearn://wine: found no columns that can hold images, .*alcohol \(double\)"):
        opened("wine", Image()).fragments()


def test_digits_are_a_table_where_rows_are_asked_for():
    """64 columns; those that are white in every digit are named."""
    source = opened("digits")
    with pytest.raises(DataError, match=r"one value in all 1,797 rows in 3 columns pixel_0_0 \(0\.0\)"):
        settle(pieces([source]), Table(), TERMS)
    some = Table(drop=("pixel_0_0", "pixel_4_0", "pixel_4_7"))
    assert settle(pieces([opened("digits", some)]), some, TERMS).shape == (61,)
