import ast
import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genai.errors import InputError, SpecError
from jobs.cli import main
from jobs.schedule import render, scheduled
from tests.jobs.targets.made import WILD, made

JOB = 'name: digits\noutput: s3://bucket/{{ logical_date }}\ndata: {source: "sklearn://digits"}\n'
KINDS = ("airflow", "cron", "k8s-cronjob", "kuberay", "systemd")
SHOW = '#!/bin/sh\npwd\nprintf "%s\\n" "$@"\n'


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A job file in the folder where one stands."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.yaml").write_text(JOB)
    return "job.yaml"


def genai(*words):
    click.Group.main(main, list(words), prog_name="genai", standalone_mode=False)


def typed(kind, *words):
    """`genai schedule`, with what each kind needs."""
    image = ["--image", "reg.example/genai:1"] if kind in ("k8s-cronjob", "kuberay") else []
    genai("schedule", "job.yaml", "--target", kind, "--at", "0 2 * * *", *image, *words)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(WILD, WILD, WILD, st.sampled_from(["sh", "bash"]))
def test_a_shell_starts_what_was_said(tmp_path_factory, folder, file, setting, shell):
    """Whatever the names: the folder, and each word, come out as they went in."""
    here = tmp_path_factory.mktemp("wild") / f"{folder}."
    here.mkdir()
    program = here / "genai it is"
    program.write_text(SHOW)
    program.chmod(0o755)
    schedule = made(folder=str(here), file=f"/{file}", settings=(setting,), program=(str(program),), timeout=90)
    told = subprocess.run([shell, "-c", schedule.script("2026-11-25")], capture_output=True, text=True)
    words = ["run", f"/{file}", "--set", setting, "--timeout", "90s", "--logical-date", "2026-11-25"]
    assert (told.stdout.split("\n")[:-1], told.stderr) == ([str(here), *words], "")


def test_with_an_address_it_submits():
    """And follows to the end, whose exit code is its own."""
    command = made(address="http://head:8265").command()
    assert command == "/opt/genai/bin/genai submit /jobs/job.yaml --address http://head:8265 --follow"


def test_without_ray_it_runs_in_one_process():
    """Where that was asked for, and nothing is submitted."""
    assert made(crew="local").command().endswith(" run /jobs/job.yaml --crew local")
    assert "--crew" not in made(crew="local", address="http://head:8265").command()


@pytest.mark.parametrize(("seconds", "said"), [(21600, "6h"), (90, "90s"), (5400, "90m"), (86400, "1d"), (0.5, "0.5")])
def test_a_timeout_is_said_in_its_largest_unit(seconds, said):
    """With nothing lost."""
    assert made(timeout=seconds).command().endswith(f"--timeout {said}")


def test_paths_are_absolute_and_the_program_is_ours(job, tmp_path):
    """A scheduler starts things elsewhere, with a PATH of its own."""
    found = scheduled(job, "cron", "0 2 * * *", ())
    assert (found.file, found.folder) == (str(tmp_path / "job.yaml"), str(tmp_path))
    assert found.program == (str(Path(sys.executable).with_name("genai")),)
    assert Path(*found.program).exists()
    assert found.text == JOB


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_rendered(job, capsys, kind):
    """To stdout; several files each under its name."""
    typed(kind)
    printed = capsys.readouterr().out
    typed(kind, "--json")
    files = json.loads(capsys.readouterr().out)["files"]
    assert printed == "".join(f"# file: {name}\n{text}" if len(files) > 1 else text for name, text in files.items())
    assert all(text.endswith("\n") and not text.endswith("\n\n") for text in files.values())


@pytest.mark.parametrize("kind", KINDS)
def test_it_can_be_written_into_a_folder(job, capsys, kind):
    """Which is made where it is not there; the same bytes twice."""
    typed(kind, "--json")
    files = json.loads(capsys.readouterr().out)["files"]
    for _ in range(2):
        typed(kind, "-o", "made/of us")
        assert capsys.readouterr().out.splitlines() == [f"made/of us/{name}" for name in files]
        assert {path.name: path.read_text() for path in Path("made/of us").iterdir()} == files


def test_settings_go_along(job):
    """Checked first, as a run would."""
    schedule = scheduled(job, "cron", "0 2 * * *", ("generate.count=100",))
    assert schedule.job.generate.count == 100
    assert "--set generate.count=100 " in next(iter(render(schedule, "cron").values()))
    with pytest.raises(SpecError, match=r"generate\.count"):
        scheduled(job, "cron", "0 2 * * *", ("generate.count=none",))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "kuberay"])
def test_a_scheduler_needs_a_time(job, kind):
    """All but a manifest for one run."""
    image = ["--image", "reg.example/genai:1"] if kind == "k8s-cronjob" else []
    with pytest.raises(InputError, match="--at: nothing given; allowed: a cron line of five fields"):
        genai("schedule", "job.yaml", "--target", kind, "--set", "output=s3://bucket/p", *image)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--at", "0 0 2 * * *"), "--at '0 0 2 * * *': found 6 fields; allowed: five"),
        (("--address", "head:8265"), "--address: found 'head:8265'; allowed: such as http://head:8265"),
        (("--address", "http://"), "--address: found 'http://'"),
        (("--log", "a\nb"), "found '\\n', which no schedule can hold"),
        (("--image", "reg:1"), "--image: found it with --target cron; allowed with k8s-cronjob, kuberay"),
        (("--since", "2026-11-25"), "--since: found it with --target cron; allowed with airflow"),
        (("--logical-date", "2026-11-25"), "--logical-date: found it with --target cron; allowed with kuberay"),
        (("--target", "airflow", "--log", "x"), "--log: found it with --target airflow; allowed with cron"),
        (("--target", "airflow", "--since", "someday"), "--since: found 'someday'; allowed: a day such as 2026-11-25"),
        (("--target", "k8s-cronjob"), "--image: nothing given"),
        (("--target", "kuberay", "--image", "Reg/x y"), "--image: found 'Reg/x y'; allowed: such as"),
        (
            ("--target", "kuberay", "--genai", "/x"),
            "--genai: found it with --target kuberay; allowed with airflow, cron",
        ),
        (("--target", "kuberay", "--crew", "local"), "--crew: found it with --target kuberay; allowed with airflow"),
        (("-o", "job.yaml"), "job.yaml: cannot be made: File exists; give another folder"),
        (("-o", "job.yaml/x"), "job.yaml/x: cannot be made: Not a directory"),
    ],
)
def test_bad_input_is_one_message(job, words, message):
    """It names the option, what was found and what is allowed."""
    with pytest.raises(InputError) as error:
        typed("cron", *words)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_target_that_is_none_is_refused(job):
    """With those there are."""
    with pytest.raises(click.BadParameter, match="'crontab' is not one of 'airflow', 'cron', 'k8s-cronjob', 'kuberay'"):
        typed("crontab")


def test_a_job_that_is_nothing_without_a_date_asks_for_one(job):
    """Where no schedule would give it one."""
    with pytest.raises(SpecError, match="allowed with --logical-date DATE"):
        genai("schedule", "job.yaml", "--target", "kuberay", "--image", "reg.example/genai:1")


def test_what_is_printed_can_be_used_as_it_is(job, capsys):
    """Manifests of several files are one stream of YAML, a DAG is Python."""
    typed("kuberay")
    kinds = [manifest["kind"] for manifest in yaml.safe_load_all(capsys.readouterr().out)]
    assert kinds == ["RayCluster", "ConfigMap", "CronJob"]
    typed("airflow")
    assert isinstance(ast.parse(capsys.readouterr().out), ast.Module)
