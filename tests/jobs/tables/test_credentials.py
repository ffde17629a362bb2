"""Arrow and Rust bring clients of their own; they reach what boto3 reaches, with the keys that it finds."""

import os

import pytest

from jobs.stores.credentials import access
from tests.jobs.tables.conftest import Place, indices, sealed


@pytest.fixture
def profile(moto_s3, monkeypatch, tmp_path):
    """A server of which only a profile in the files of AWS knows."""
    uri = moto_s3.use(monkeypatch)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    config = f"[profile lake]\nendpoint_url = {moto_s3.endpoint}\nregion = eu-north-1\n"
    keys = f"[lake]\naws_access_key_id = {moto_s3.access_key}\naws_secret_access_key = {moto_s3.secret_key}\n"
    for name, text in {"AWS_CONFIG_FILE": config, "AWS_SHARED_CREDENTIALS_FILE": keys}.items():
        (tmp_path / name).write_text(text)
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("AWS_PROFILE", "lake")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return Place(uri, tmp_path)


@pytest.mark.parametrize("kind", ["iceberg", "delta"])
def test_a_profile_is_enough(profile, kind):
    """Endpoint, region and keys come from it; nothing is said in the job."""
    table = profile.table(kind)
    table.add(sealed(profile.output, 150))

    assert indices(table) == list(range(150))


def test_keys_are_not_shown(profile, moto_s3):
    """Neither where it is printed, nor in what a job or a table keeps."""
    reached = access("bucket")
    table = profile.delta()

    assert (reached.endpoint, reached.region, reached.secret) == (moto_s3.endpoint, "eu-north-1", moto_s3.secret_key)
    assert not {moto_s3.secret_key, moto_s3.access_key} & set(f"{reached!r} {table!r}".split("'"))


def test_amazons_own_endpoint_is_none(monkeypatch):
    """Its clients know it better: a bucket is part of the host's name there."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    reached = access("bucket")

    assert (reached.endpoint, reached.region, reached.key) == ("", "eu-north-1", "")
