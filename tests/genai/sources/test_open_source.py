"""Which source a URI stands for."""

import pytest

from genai.errors import DataError
from genai.sources import open_source, split
from jobs.stores import open_store


@pytest.mark.parametrize(
    ("uri", "is_file", "expected"),
    [
        ("s3://b/p/*/x-*.parquet", True, ("s3://b/p", "*/x-*.parquet")),
        ("s3://b/train.parquet", True, ("s3://b", "train.parquet")),
        ("s3://b", False, ("s3://b", "")),
        ("s3://b/p/", False, ("s3://b/p", "")),
        ("*.parquet", True, (".", "*.parquet")),
        ("/x.parquet", True, ("/", "x.parquet")),
        ("/a/v1.2", False, ("/a/v1.2", "")),
        ("a/**/b?.png", True, ("a", "**/b?.png")),
        ("file:///a/*.pq", True, ("file:///a", "*.pq")),
    ],
)
def test_a_uri_is_split_before_its_first_glob_or_file(uri, is_file, expected):
    """The root is a folder or bucket, the pattern the rest."""
    assert split(uri, is_file=is_file) == expected


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", ["a/b/3.png", "a/2.png", "c/44.png"]),
        ("*/?.png", ["a/2.png"]),
        ("**/*.png", ["a/b/3.png", "a/2.png", "c/44.png"]),
        ("a/**/*.png", ["a/b/3.png", "a/2.png"]),
        ("a/*", ["a/b/3.png", "a/2.png"]),
        ("[a]/*.png", None),
    ],
)
def test_globs_match_as_in_a_shell(pattern, found, tmp_path):
    """`*` and `?` stay in their folder, `**/` does not, all else is literal; a folder stands for all below it."""
    for name in ("a/b/3.png", "a/2.png", "c/44.png", "a/.hidden/x.png", "_tmp/y.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    if found is None:
        with pytest.raises(DataError, match="found no file"):
            open_source(f"{tmp_path}/{pattern}", None, open_store).entries()
    else:
        source = open_source(f"{tmp_path}/{pattern}".rstrip("/"), None, open_store)
        assert sorted(entry.key.split("/")[-1] for entry in source.entries()) == sorted(f.split("/")[-1] for f in found)


def test_a_folder_is_what_most_of_its_files_are(tmp_path, examples):
    """A folder of Parquet is Parquet even where a picture lies beside it."""
    (tmp_path / "logo.png").touch()
    for name in ("a.parquet", "b.parquet"):
        (tmp_path / name).write_bytes(examples.read_bytes())
    assert type(open_source(str(tmp_path), "label", open_store)).__name__ == "ParquetSource"


def test_nothing_to_read_says_what_was_looked_for(tmp_path):
    """An empty or missing folder is one clear message."""
    with pytest.raises(DataError, match=r"nosuch: found no data; allowed: .*\.png.*\.parquet.*sklearn://"):
        open_source(str(tmp_path / "nosuch"), "label", open_store)


def test_a_glob_that_matches_nothing_is_named(tmp_path):
    """The message carries the place that was searched."""
    with pytest.raises(DataError, match=r"no-\*\.parquet: found no file"):
        open_source(str(tmp_path / "no-*.parquet"), "label", open_store).fingerprint()


def test_an_unknown_sklearn_dataset_is_named_with_those_there_are():
    """Those that can be fetched over a network are none."""
    with pytest.raises(DataError, match="sklearn://olivetti_faces; allowed: sklearn://breast_cancer, sklearn://digits"):
        open_source("sklearn://olivetti_faces", "label", open_store).fragments()
