"""What is particular to a Parquet part; what all readers make of it is in `test_readers`."""

import functools
import io
import itertools
import json
import operator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genai.errors import IntegrityError
from genai.formats.parquet import Parquet
from genai.modalities.image import Image


@dataclass(frozen=True)
class Sketch(Image):
    """A modality of a user's own."""


def opened(case, form=None):
    return pq.ParquetFile(io.BytesIO((form or Parquet()).encode(case.samples, case.about)))


def test_the_types_are_those_that_every_reader_knows(maker):
    """No unsigned, view, large or dictionary types."""
    found = opened(maker()).schema_arrow
    assert [(field.name, str(field.type)) for field in found] == [
        ("image", "struct<bytes: binary, path: string>"),
        ("label", "int64"),
        ("index", "int64"),
        ("checkpoint", "string"),
        ("synthetic", "bool"),
    ]


def test_unlabelled_parts_have_no_label(maker):
    """The column is absent, not null."""
    assert "label" not in opened(maker(classes=())).schema_arrow.names


def test_each_row_says_what_it_is(maker):
    """A row that is alone still says that it is synthetic, of which model, and which sample."""
    rows = opened(maker(3)).read().drop_columns(["image", "label"]).to_pylist()
    assert rows == [{"index": i, "checkpoint": "c" * 64, "synthetic": True} for i in (100, 101, 102)]


def test_an_image_is_named_by_its_index(maker):
    """That is the name that a viewer shows."""
    images = opened(maker(2)).read().column("image").to_pylist()
    assert [image["path"] for image in images] == ["100.png", "101.png"]


def test_the_schema_says_that_the_data_is_synthetic_and_whence(maker):
    """What made the part stands in its metadata, as JSON."""
    said = json.loads(opened(maker()).schema_arrow.metadata[b"genai"])
    assert said == {
        "synthetic": True,
        "checkpoint": "c" * 64,
        "seed": 7,
        "key": "k" * 16,
        "generator": "genai-jobs 0.1.0",
        "modality": {"kind": "image", "size": 8, "mode": "L", "fit": "crop", "resample": "bicubic"},
        "extra": {"job": "animals"},
    }


def test_images_have_no_statistics_and_the_index_has_pages_to_seek(maker):
    """Footers hold no images; a reader finds a sample without scanning."""
    group = opened(maker()).metadata.row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    assert {column.compression for column in columns.values()} == {"ZSTD"}
    assert not columns["image.bytes"].is_stats_set
    assert columns["index"].has_offset_index
    assert columns["index"].has_column_index
    assert (columns["index"].statistics.min, columns["index"].statistics.max) == (100, 149)
    assert columns["checkpoint"].has_dictionary_page


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 12), st.integers(1, 100))
def test_row_groups_keep_both_bounds(sizes, rows, size):
    """They cover the rows in order; none is too long, none with two rows too large, none could take one row more."""
    cuts = Parquet(rows, size)._cuts(sizes)
    groups = [sizes[a:b] for a, b in itertools.pairwise(cuts)]
    assert functools.reduce(operator.iadd, groups, []) == sizes
    assert all(1 <= len(group) <= rows and (sum(group) <= size or len(group) == 1) for group in groups)
    for group, following in itertools.pairwise(groups):
        assert len(group) == rows or sum(group) + following[0] > size


def test_the_default_group_has_ten_thousand_rows(maker):
    """A reader can skip through a large part."""
    metadata = opened(maker(10_001)).metadata
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [10_000, 1]


def test_a_large_image_stands_alone(maker):
    """The bound in bytes cuts groups of any number of rows, and the part still reads whole."""
    case, form = maker(9), Parquet(group_bytes=300)
    assert opened(case, form).metadata.num_row_groups > 4
    assert (form.decode(form.encode(case.samples, case.about)).indices == case.samples.indices).all()


def test_no_code_is_imported_on_the_word_of_a_file(maker):
    """A part of a user's own modality is read with that modality, given by the reader."""
    case = maker(4)
    about = type(case.about)(**vars(case.about) | {"modality": Sketch(size=8, mode="L")})
    data = Parquet().encode(case.samples, about)
    with pytest.raises(IntegrityError, match=f"{__name__}:Sketch"):
        Parquet().decode(data)
    assert (Parquet().decode(data, about.modality).arrays == case.samples.arrays).all()


def test_a_foreign_parquet_file_is_no_part():
    """A table without our metadata is refused."""
    sink = io.BytesIO()
    pq.write_table(pa.table({"index": np.arange(3)}), sink)
    with pytest.raises(IntegrityError, match="not a part of ours"):
        Parquet().decode(sink.getvalue())


def test_a_changed_image_is_told_by_its_place(maker):
    """A part whose images cannot be decoded is refused."""
    table = opened(maker(3)).read()
    broken = pa.array([{"bytes": b"\x89PNG...", "path": "x"}] * 3, table.schema.field("image").type)
    sink = io.BytesIO()
    pq.write_table(table.set_column(0, table.schema.field("image"), broken), sink)
    with pytest.raises(IntegrityError):
        Parquet().decode(sink.getvalue())
