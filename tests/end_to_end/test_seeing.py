"""docs/seeing.md as a reader follows it; and the page as a browser draws it, where there is one."""

import io
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import PIL.Image
import pytest

PAGE = (Path(__file__).parents[2] / "docs/seeing.md").read_text()
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def elsewhere(command, folder):
    """A command of the page, of an output that is here and a run that was made."""
    run = next((folder / "runs/digits/runs").iterdir()).name
    said = command.partition("  #")[0].replace("s3://bucket/runs", "runs").replace("digits-0123456789ab", run)
    return f"{said} --port 0" if "--web" in said else said


@contextmanager
def page_of(command, folder):
    """The address that a command with `--web` prints; it ends by Ctrl-C, with 0."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    served = subprocess.Popen(
        ["bash", "-c", f"exec {command}"], cwd=folder, env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield served.stdout.readline().strip()
    finally:
        served.send_signal(signal.SIGINT)
        _, told = served.communicate(timeout=30)
    assert (served.returncode, told) == (0, "Ctrl-C ends it; the run goes on\n")


def read(url, wanted="digits-"):
    """The page, once it has what is wanted: a slow store is not waited for."""
    for _ in range(30):
        with urllib.request.urlopen(url, timeout=30) as answer:
            text = answer.read().decode()
        if wanted in text and "Not looked at yet" not in text:
            break
    return text


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """The page's commands, one after the other: what each printed, or what each served."""
    folder, told = tmp_path_factory.mktemp("seeing"), {}
    (folder / "job.yaml").write_text(blocks("yaml")[0])
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for command in "".join(blocks("sh")).splitlines():
        if "--web" in command:
            with page_of(elsewhere(command, folder), folder) as url:
                told[command] = read(url)
            continue
        done = subprocess.run(
            ["bash", "-c", command], cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True,
            timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        told[command] = done.stdout
    return folder, told


def test_the_commands_of_the_page_show_what_it_says(followed):
    """A run that is done, the runs of an output, what it cost; sheets, by Pillow and by eye."""
    folder, told = followed
    served = [text for command, text in told.items() if "--web" in command]
    shown = told["genai show job.yaml --label 7 -n 30"]

    assert all("digits-" in text for text in served)
    assert "Done" in served[0]
    assert "500" in served[0]
    assert "cost, at 0.4 a worker-hour" in served[-1]
    assert PIL.Image.open(folder / "sheet.png").size[0] > 500
    assert (folder / "sheet.html").read_text().count("data:image/png") == 100
    assert shown.startswith("digits-")
    assert "30 samples" in shown
    assert set("".join(shown.splitlines()[2:])) <= set(" .:-=+*#%@")


def test_the_page_is_served_without_torch_ray_or_the_source(followed):
    """In a process that could load none of them."""
    folder, _ = followed
    blocked = "import sys; sys.modules.update(dict.fromkeys(['torch', 'ray', 'sklearn', 'boto3']));"
    command = f'{sys.executable} -c "{blocked} from jobs.cli import main; main()" status job.yaml --web --port 0'
    with page_of(command, folder) as url:
        text = read(url, "synthetic samples of 7")

    assert "Done" in text
    assert "synthetic samples of 7" in text


BAD = {
    "an unknown class": (["show", "job.yaml", "--label", "eleven"], "allowed: 0, 1, 2, 3"),
    "another ending": (["show", "job.yaml", "-o", "sheet.gif"], "allowed: a name that ends with .png, or --page"),
    "no such part": (["show", "part.parquet"], "there is no such file"),
    "neither": (["status", "nowhere", "--web"], "allowed: a job file"),
    "no run": (["status"], "Missing argument 'RUN'"),
    "two ways at once": (["status", "job.yaml", "--web", "--watch"], "--web stands alone"),
    "no port": (["status", "job.yaml", "--web", "--port", "99999"], "99999 is not in the range"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_one_error(followed, what):
    """With exit code 2 and what is allowed."""
    arguments, message = BAD[what]
    done = subprocess.run(
        [sys.executable, "-m", "jobs", *arguments], cwd=followed[0], capture_output=True, text=True, timeout=60
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium")
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_draws_the_page(followed, tmp_path, width, scheme):
    """At the width of a phone and of a desk, light and dark: with its samples, its colours, and nothing cut off."""
    folder, _ = followed
    with page_of("genai status job.yaml --web --port 0", folder) as url:
        read(url, "synthetic samples of 7")
        subprocess.run(
            [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             f"--user-data-dir={tmp_path}/profile", f"--blink-settings=preferredColorScheme={int(scheme == 'light')}",
             f"--window-size={width},2400", f"--screenshot={tmp_path}/page.png", "--virtual-time-budget=4000", url],
            capture_output=True, timeout=120, check=True,
        )  # fmt: skip
    drawn = PIL.Image.open(io.BytesIO((tmp_path / "page.png").read_bytes())).convert("RGB")
    paper = {"light": (252, 252, 250), "dark": (20, 21, 25)}[scheme]
    colours = {colour for _, colour in drawn.getcolors(1 << 20)}
    edge = {drawn.getpixel((drawn.width - 1, y)) for y in range(drawn.height)}

    assert drawn.getpixel((2, 2)) == paper
    assert {"light": (35, 112, 63), "dark": (127, 211, 160)}[scheme] in colours
    assert len(colours) > 200
    assert edge == {paper}
