"""What the pages of a Parquet file are said to become."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genai.parquet_pages import PAGE_BYTES, PAGE_RATIO, Pages, Watched, check_rows, measure
from tests.genai.hostile_tables import I32, I64, ONE, dictionary, page, squeezed, thrift, value

DELTA_BYTE_ARRAY = 7
KINDS = [
    {"compression": "none"},
    {"compression": "zstd", "data_page_version": "2.0"},
    {"compression": "snappy", "use_dictionary": False, "data_page_size": 100},
    {"compression": "gzip", "write_statistics": False, "write_page_checksum": True},
    {"use_dictionary": False, "column_encoding": {"x": "DELTA_BYTE_ARRAY"}},
]


def written(values, **options):
    sink = io.BytesIO()
    pq.write_table(pa.table({"x": pa.array(values, pa.binary())}), sink, **options)
    return sink.getvalue()


@settings(max_examples=40)
@given(st.lists(st.none() | st.binary(max_size=300), min_size=1, max_size=40), st.sampled_from(KINDS))
def test_what_a_writer_wrote_is_measured_as_its_footer_says(values, options):
    """All pages, with their headers told apart from their bytes; no value is larger than what a page can hold."""
    data = written(values, **options)
    watched = Watched(io.BytesIO(data))
    with pq.ParquetFile(watched, pre_buffer=False) as file:
        said = file.metadata.row_group(0).column(0).total_uncompressed_size
        watched.watch()
        assert file.read()["x"].to_pylist() == values
    assert 0 < watched.pages.total <= said
    assert max((len(v) for v in values if v), default=0) <= watched.pages.value <= watched.pages.total
    assert watched.pages.shared is not (options.get("use_dictionary") is False and "column_encoding" not in options)


def test_a_chunk_is_fetched_once():
    """What was looked at is kept for Arrow, which asks again."""
    asked = []

    class Counted(io.BytesIO):
        def read(self, size=-1):
            asked.append((self.tell(), size))
            return super().read(size)

    watched = Watched(Counted(written([b"one", b"two"])))
    with pq.ParquetFile(watched, pre_buffer=False) as file:
        watched.watch()
        before = len(asked)
        assert [file.read()["x"].to_pylist() for _ in range(3)] == [[b"one", b"two"]] * 3
    assert len(asked) == before + 1


@pytest.mark.parametrize(
    ("chunk", "expected"),
    [
        (ONE, Pages(7, 7)),
        (ONE + page(9, value(5)), Pages(9, 16)),
        (ONE + page(9, value(5), encoding=DELTA_BYTE_ARRAY), Pages(16, 16, shared=True)),
        (dictionary(7, value(3)) + ONE, Pages(7, 14, shared=True)),
        (ONE + b"\x15" * 30, Pages(7, 7)),
        (page(PAGE_BYTES, squeezed(value(9))), Pages(PAGE_BYTES, PAGE_BYTES)),
        (page(PAGE_BYTES + 1, bytes(PAGE_BYTES // PAGE_RATIO + 1)), Pages(PAGE_BYTES + 1, PAGE_BYTES + 1)),
    ],
    ids=["one", "two", "values joined", "dictionary", "padding", "the most", "more of more"],
)
def test_pages_are_added_up(chunk, expected):
    """The largest counts, or all where a value goes on from one page to the next."""
    assert measure(chunk) == expected


@pytest.mark.parametrize(
    ("chunk", "message"),
    [
        (page(PAGE_BYTES + 1, squeezed(value(9))), "inflates to 67,108,865; allowed: 67,108,864"),
        (page(-1, b"x"), "no header"),
        (page(1, b"x", encoding=-1), "no header"),
        (page(1, b"x", stored=-1), "no header"),
        (page(1, b"x", stored=2), "claims 2 bytes, 1 are there"),
        (ONE + bytes(200), "no header"),
        (b"\x15\x00", "breaks off"),
        (thrift((1, I32, 0), (2, I32, 1), (3, I32, 1), (5, I32, 7)) + b"x", "no header"),
        (thrift((1, I32, 0), (2, I64, 1), (3, I32, 1)) + b"x", "no header"),
    ],
)
def test_what_is_too_much_or_no_page_is_refused(chunk, message):
    """Before anything is inflated."""
    with pytest.raises(ValueError, match=message):
        measure(chunk)


def test_all_pages_together_are_bounded_where_the_reader_says_so():
    """And bytes that stand in many rows are refused where it wants none."""
    data = written([bytes(1000)] * 3, use_dictionary=False, compression="zstd")
    for most, shared, message in ((3017, True, "inflate to 3,018 bytes and more"), (None, False, "stand in many rows")):
        given_ = data if shared else written([b"x"] * 9)
        watched = Watched(io.BytesIO(given_), most)
        with pq.ParquetFile(watched, pre_buffer=False) as file:
            watched.watch(shared=shared)
            with pytest.raises(ValueError, match=message):
                file.read()


@pytest.mark.parametrize(("rows", "size"), [([-1], 9), ([5, -1], 9), ([2**20, 1], 9), ([2**40], 2**30)])
def test_more_rows_than_bytes_are_refused(rows, size):
    """A million are always allowed: that is a row group of many writers."""
    check_rows([2**20], 9)
    check_rows([2**30], 2**30)
    with pytest.raises(ValueError, match="rows; allowed"):
        check_rows(rows, size)


@given(st.binary(max_size=300))
def test_any_bytes_are_pages_or_refused(chunk):
    """Only a ValueError comes out of headers that are none."""
    try:
        found = measure(chunk)
    except ValueError:
        return
    assert found.total <= np.iinfo(np.int64).max


def test_a_claim_is_no_reason_to_read():
    """A read beyond the end gives what is there; Arrow finds that it is too little."""
    watched = Watched(io.BytesIO(b"abc"))
    watched.seek(1)

    assert (watched.size, watched.read(2**60), watched.tell(), watched.read(5)) == (3, b"bc", 3, b"")
