"""Minutes, and programs that no Python package brings: `make schedules` fetches them and asks for these tests."""

import os

import pytest

from tests.schedules.play import JOB, Codes


def pytest_collection_modifyitems(items):
    if not os.environ.get("GENAI_SCHEDULES"):
        for item in items:
            if "tests/schedules/" in str(item.path):
                item.add_marker(pytest.mark.skip(reason="takes minutes, and an Airflow of its own: make schedules"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the job file is, with what a path may have."""
    here = tmp_path / "100% of our jobs"
    here.mkdir()
    (here / "job.yaml").write_text(JOB)
    monkeypatch.chdir(here)
    return here


@pytest.fixture
def codes(tmp_path):
    made = Codes(tmp_path)
    yield made
    made.close()
