"""What is sent to a cluster, looked at without one."""

import shlex
import subprocess
import sys

import pytest

from jobs import submission
from jobs.submission import NEEDED, entry

OLD = "import sys; sys.version_info = (3, 9, 18); exec(sys.argv[1])"


def check(line: str, *python: str) -> subprocess.CompletedProcess[str]:
    """The first half of an entry, by `python`, as the cluster's shell would run it."""
    _, _, code, *_ = shlex.split(line)
    return subprocess.run([sys.executable, *python, code], capture_output=True, text=True, check=False)


def test_an_entry_is_one_driver_in_the_shell_of_the_cluster():
    """Whatever the job is called; its parent is the shell's, so that a signal reaches it."""
    words = shlex.split(entry("s3://b/it's here/job.yaml", "genai run 'a b.yaml'", 90))
    line = words[words.index("&&") + 1 :]
    assert line == [
        "exec", "python", "-m", "workers", "s3://b/it's here/job.yaml", "--crew", "ray", "--command",
        "genai run 'a b.yaml'", "--timeout", "90",
    ]  # fmt: skip


def test_what_the_cluster_needs_is_there_where_this_is_installed():
    """So a cluster that was installed as this was passes the check."""
    assert check(entry("job.yaml"), "-c").returncode == 0


def test_a_cluster_that_lacks_a_library_says_which(monkeypatch):
    """Before any of our code is imported, with the exit code of bad input."""
    monkeypatch.setattr(submission, "NEEDED", (*NEEDED, "not_there", "nor_there"))
    told = check(entry("job.yaml"), "-c")
    assert told.returncode == 2
    assert told.stdout.startswith("error: the Python of the cluster lacks not_there, nor_there; allowed: ")


def test_a_cluster_of_an_older_python_says_so():
    """It could not even read our modules."""
    told = check(entry("job.yaml"), "-c", OLD)
    assert told.returncode == 2
    assert told.stdout.startswith("error: found Python 3.9 on the cluster; allowed: 3.11 or later")


@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "hf_token", "DB_PASSWORD", "GOOGLE_APPLICATION_CREDENTIALS"])
def test_no_secret_is_passed_on(name, monkeypatch):
    """Neither by name nor by itself."""
    monkeypatch.setenv(name, "hidden")
    with pytest.raises(Exception, match="may hold a secret") as caught:
        submission._environment([name])
    assert "hidden" not in str(caught.value)
    assert "hidden" not in submission._environment([]).values()
