"""The job whose run is listened to."""

import pytest

from jobs.spec import load

JOB = 'name: tiny\noutput: {folder}\ndata: {{source: ["sklearn://digits", s3://bucket/rows/*.parquet]}}\n'


@pytest.fixture
def spec(tmp_path):
    """`spec("webhook: …")`: a job that tells those."""
    return lambda notify, more="": load(
        "job.yaml", f"{JOB.format(folder=tmp_path)}{more}notify: {{{notify}}}\n"
    ).anchored()
