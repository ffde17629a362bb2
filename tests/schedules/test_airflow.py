"""Airflow 3, in an environment of its own: its judgement of the DAG file, and ten nights by its scheduler."""

import json
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from genai.errors import LeaseHeld
from jobs.commands.schedule import command as schedule
from jobs.cron import Cron
from jobs.targets import airflow
from tests.jobs.targets.made import made
from tests.processes import named
from tests.schedules.play import NIGHTS, ROOT, check_ten_datasets, drive, found, kill

pytestmark = pytest.mark.slow
PROGRAM = ROOT / ".airflow/bin/airflow"
PORT = 18080
KILLED, MET = NIGHTS[4], NIGHTS[7]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Its folder, with a database of its own."""
    if not PROGRAM.exists():
        pytest.skip("no Airflow in .airflow: make schedules")
    folder = tmp_path_factory.mktemp("airflow")
    told(folder, "db", "migrate")
    return folder


def environment(home):
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTEST"))},
        "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(PORT),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{PORT}",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{PORT}/execution/",
    }


def told(home, *words, codes=(0,)):
    done = subprocess.run([PROGRAM, *words], env=environment(home), capture_output=True, text=True, timeout=300)
    assert done.returncode in codes, done.stdout + done.stderr
    return done.stdout


def listed(printed):
    """The list in what it prints, between its warnings."""
    lines = [line for line in printed.splitlines() if line.startswith("[{")]
    return json.loads(lines[0]) if lines else []


RIGHT = {
    "plain": {},
    "names that need quotes": {"folder": "/my 'own' {{ jobs }}", "file": '/100% "$HOME"/{% job %}.yaml'},
    "dates to make up for": {"since": "2026-11-01", "timeout": 21600, "address": "http://head:8265"},
    "days of both kinds": {"cron": Cron.read("*/15 2 1,15 * MON-FRI")},
}
WRONG = {
    "a name with a space": ("genai-a-name", "genai a name"),
    "a cron line that is none": ('"0 2 * * *"', '"0 25 * * *"'),
    "an argument that is none": ("skip_on_exit_code=", "skip_exit_code="),
    "an import that is none": ("operators.bash", "operators.sh"),
    "retries that are no number": ("retries=2", 'retries="twice"'),
    "a quote that does not end": ('tags=["genai"]', 'tags=["genai]'),
}


@pytest.fixture(scope="module")
def faults(home):
    """What Airflow says against each file, by its name: one look at all of them, since each takes seconds."""
    (home / "dags").mkdir()
    for name, fields in RIGHT.items():
        (text,) = airflow.render(made(name=name.replace(" ", "-"), **fields)).values()
        (home / f"dags/{name}.py").write_text(text)
    for name, (right, wrong) in WRONG.items():
        (text,) = airflow.render(made(name=name.replace(" ", "-"))).values()
        assert right in text
        (home / f"dags/{name}.py").write_text(text.replace(right, wrong))
    found = listed(told(home, "dags", "list-import-errors", "--local", "--output", "json", codes=(0, 1)))
    for path in (home / "dags").glob("*.py"):
        path.unlink()
    return {Path(fault["filepath"]).stem: fault["error"] for fault in found}


@pytest.mark.parametrize("name", RIGHT)
def test_airflow_takes_it(faults, name):
    """Without a word against it."""
    assert name not in faults


@pytest.mark.parametrize("name", WRONG)
def test_airflow_finds_mistakes(faults, name):
    """Each is one that a rendering could make."""
    assert faults[name]


@pytest.fixture
def standalone(home):
    """`standalone()` starts all of Airflow: scheduler, processor of DAGs, server."""
    started = []

    def start():
        log = (home / "standalone.log").open("w")
        started.append(
            subprocess.Popen(
                [PROGRAM, "standalone"], env=environment(home), stdout=log, stderr=log, start_new_session=True
            )
        )

    yield start
    for process in started:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(60)
        for pid in named("airflow", process.pid):
            os.kill(pid, signal.SIGKILL)
        process.kill()
        process.wait()


def test_ten_nights(standalone, home, codes, folder):
    """None is there to begin with; one is killed half way, one meets another run: ten datasets, each made once."""
    words = ["job.yaml", "--target", "airflow", "--at", "0 2 * * *", "--crew", "local", "--genai", str(codes.program)]
    schedule([*words, "--since", NIGHTS[0], "-o", "made"], standalone_mode=False)
    text = (folder / "made/genai_nightly.py").read_text()
    # no night after the tenth, and no five minutes to wait
    text = text.replace("    catchup=", "    end_date=datetime(2026, 11, 10, 12, tzinfo=timezone.utc),\n    catchup=")
    text = text.replace("timedelta(minutes=5)", "timedelta(seconds=1)")
    (home / "dags").mkdir(exist_ok=True)
    (home / "dags/genai_nightly.py").write_text(text)

    ended = {}
    standalone()
    parts = iter(range(300))

    def meet(event):
        if event.kind == "part_done" and next(parts) == 100:
            until(MET)
            assert ended[MET] == [LeaseHeld.exit_code]

    def until(night):
        while night not in ended:
            date, code = codes.next()
            ended.setdefault(date, []).append(code)

    until(NIGHTS[3])
    await_parts(KILLED)
    kill(KILLED)
    drive(MET, meet)
    until(NIGHTS[-1])
    assert ended == {**{night: [0] for night in NIGHTS}, KILLED: [137, 0], MET: [75]}
    check_ten_datasets()
    runs = listed(told(home, "dags", "list-runs", "genai-nightly", "--output", "json"))
    assert sorted(run["logical_date"][:10] for run in runs) == NIGHTS


def await_parts(night):
    """Until a run has some, and not all."""
    while not (receipts := found(night).receipts):
        pass
    assert len(receipts) < 300
