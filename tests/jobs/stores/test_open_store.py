"""Which store a URI stands for."""

import subprocess
import sys
from pathlib import Path

import pytest

from genai.errors import InputError
from jobs.stores import open_store


def test_a_relative_path_is_made_absolute(tmp_path, monkeypatch):
    """The URI outlives a change of the working directory."""
    monkeypatch.chdir(tmp_path)

    assert open_store("runs/a b").locate("x") == str(tmp_path / "runs" / "a b" / "x")
    assert open_store("runs").uri == (tmp_path / "runs").as_uri()


def test_a_tilde_is_the_home_folder():
    """Job files are not read by a shell."""
    assert open_store("~/runs").locate("x") == str(Path.home() / "runs" / "x")


def test_a_file_uri_is_the_same_store_as_its_path(tmp_path):
    """Percent signs, spaces and question marks in a folder's name survive."""
    folder = tmp_path / "100 % sure?#"
    open_store(str(folder)).put("a", b"1")

    assert open_store(folder.as_uri()).get("a") == b"1"
    assert (folder / "a").read_bytes() == b"1"


def test_two_opens_of_one_memory_name_share_it():
    """The name is the identity, in the whole process."""
    open_store("memory://shared/x").put("a", b"1")

    assert open_store("memory://shared").get("x/a") == b"1"
    assert list(open_store("memory://other").list()) == []


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("gs://bucket", "file://, memory://, s3://"),
        ("", "a folder"),
        ("a\0b", "a folder"),
        ("file://host/folder", "file:///folder"),
        ("file://folder", "file:///folder"),
        ("memory://", "memory://name"),
        ("memory://name/../x", "relative path"),
        ("s3://", "s3://bucket/prefix"),
        ("s3:///prefix", "s3://bucket/prefix"),
        ("s3://bucket/a//b", "relative path"),
        ("s3://bucket/../x", "relative path"),
    ],
)
def test_what_cannot_be_a_store_is_refused_with_what_can(uri, says):
    """The message names the allowed form."""
    with pytest.raises(InputError, match="allowed") as refusal:
        open_store(uri)

    assert says in str(refusal.value)


def test_secrets_in_a_uri_are_refused_and_not_repeated():
    """Keys belong into the environment, and never into a log."""
    with pytest.raises(InputError, match="AWS_PROFILE") as refusal:
        open_store("s3://AKIAID:hunter2@bucket/prefix")

    assert "hunter2" not in repr(refusal.value)


def test_stores_load_boto3_only_when_an_s3_uri_is_opened():
    """The command line must stay quick."""
    code = (
        "import sys; from jobs.stores import open_store; open_store('x'); open_store('memory://x');"
        "print(sorted({'boto3', 'botocore', 'torch', 'ray', 'numpy', 'pyarrow'} & set(sys.modules)))"
    )

    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
