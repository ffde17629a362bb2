"""What can be wrong with a command, or with the run that it names."""

from __future__ import annotations

from tests.errors.provoked import Scene, provokes

TYPING, NAMING = "Typing a command", "Naming a run"


@provokes(TYPING, "A command that is not known", hint="`genai --help` lists the commands.")
def command_unknown(scene: Scene) -> None:
    scene.genai("trane", "job.yaml")


@provokes(TYPING, "A command without its argument", hint="`genai run --help` has an example.")
def command_bare(scene: Scene) -> None:
    scene.genai("run")


@provokes(
    TYPING,
    "An option that is not known",
    job="",
    hint="`genai run --help` lists the options; fields of the job file go after `--set`.",
)
def option_unknown(scene: Scene) -> None:
    scene.genai("run", "job.yaml", "--workers", "4")


@provokes(TYPING, "An index below zero", job="")
def index_negative(scene: Scene) -> None:
    scene.genai("sample", "job.yaml", "--index", "-1")


@provokes(TYPING, "An index beyond all", job="")
def index_huge(scene: Scene) -> None:
    scene.genai("sample", "job.yaml", "--index", str(2**62))


@provokes(TYPING, "`init` where there is a file", job="")
def init_over(scene: Scene) -> None:
    scene.genai("init", "job.yaml")


@provokes(TYPING, "`init` into a folder that is not there", hint="Make the folder first, or give another path.")
def init_nowhere(scene: Scene) -> None:
    scene.genai("init", "nowhere/job.yaml")


@provokes(TYPING, "A picture into a folder that is not there", hint="Make the folder first, or give another path.")
def picture_nowhere(scene: Scene) -> None:
    scene.finished()
    scene.genai("sample", "job.yaml", "--index", "0", "--out", "nowhere/0.png")


@provokes(NAMING, "A job file that is not there")
def job_missing(scene: Scene) -> None:
    scene.genai("run", "jbo.yaml")


@provokes(NAMING, "A job file that is a folder")
def job_folder(scene: Scene) -> None:
    (scene.folder / "job.yaml").mkdir()
    scene.genai("run", "job.yaml")


@provokes(NAMING, "A run id that is not there")
def run_missing(scene: Scene) -> None:
    scene.genai("status", "digits-0123456789ab")


@provokes(NAMING, "A path that names no run")
def run_no_path(scene: Scene) -> None:
    scene.genai("status", "some/folder")


@provokes(NAMING, "A dataset that no finished run has made")
def dataset_missing(scene: Scene) -> None:
    scene.genai("verify", "runs/digits/datasets/0123456789abcdef")


@provokes(NAMING, "`--set` beside a run that is written already")
def set_of_run(scene: Scene) -> None:
    scene.genai("status", "digits-0123456789ab", "--set", "seed=1")


@provokes(NAMING, "A sample before anything was trained", job="")
def sample_early(scene: Scene) -> None:
    scene.genai("sample", "job.yaml", "--index", "0")


@provokes(NAMING, "A dataset before there is one", job="")
def verify_early(scene: Scene) -> None:
    scene.genai("verify", "job.yaml")


@provokes(NAMING, "An output without runs")
def gc_nowhere(scene: Scene) -> None:
    scene.genai("gc", "--output", "nowhere")


@provokes(NAMING, "A job without runs")
def gc_no_job(scene: Scene) -> None:
    scene.finished()
    scene.genai("gc", "faces")
