"""A small job, and one finished run of it that many tests look at."""

import io
import json
import os
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from jobs.cli import main
from tests.digits import digits

TINY = """\
name: tiny
output: {output}
data: {{source: {digits}}}
model: {{family: vae, backbone: dense, latent: 8}}
train: {{steps: 60, batch: 64, validate_every: 30, checkpoint_every: 20}}
generate: {{count: 250, part_rows: 40, batch: 32}}
"""


@dataclass(frozen=True)
class Genai:
    """The command, typed in a folder: in this process, since most of a command's second is its start, or in one of its
    own where its surroundings are others. A driver is always a process of its own.
    """

    folder: Path

    def __call__(self, *args: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        """Type `genai ARGS`; it has to end with `code`."""
        done = self.process(*args, **environment) if environment else self._here(*args)
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def process(self, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "jobs", *args],
            cwd=self.folder,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def _here(self, *args: str) -> subprocess.CompletedProcess[str]:
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, chdir(self.folder):
            patch.setattr(sys, "argv", ["genai", *args])
            with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
                main(args)
        return subprocess.CompletedProcess(args, ended.value.code or 0, out.getvalue(), err.getvalue())

    def json(self, *args: str, **environment: str):
        return json.loads(self(*args, "--json", **environment).stdout)

    def job(self, name: str = "tiny.yaml", output: str = "runs", text: str = TINY) -> str:
        (self.folder / name).write_text(text.format(output=output, digits=digits()))
        return name


@pytest.fixture
def genai(tmp_path):
    return Genai(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A finished run of the small job, made without Ray. Not to be changed."""
    made = Genai(tmp_path_factory.mktemp("finished"))
    made("run", made.job(), "--crew", "local")
    return made
