"""Each family on each kind of data that we ship, and each kind of pretrained pipeline, minted on a real Ray: by one
worker, by three, and by three whose driver is killed in the middle and run again. The digests have to be equal, and so
have the bytes of every part.

    python benchmarks/digests.py [--cases "gpt, text" …]

The jobs are those of examples/ in their short forms (`tests/short.py`: a narrow network, a few steps of training), and
of small pipelines of random weights, with many parts. Training is done once and kept; `genai run` is typed as a user
types it, on a Ray of two machines that this script starts. Prints a table; exits with 1 where something
differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.clusters import cluster
from tests.processes import descendants
from tests.short import CASES, EXAMPLES, GIVEN, MODES, given, short

ROOT = Path(__file__).parent.parent
PARTS, ROWS = 120, 8
TRIES = 5  # at a driver that is done before it is struck


class Case:
    """A job in a folder of its own, the current one."""

    def __init__(self, case: str) -> None:
        self.folder, settings = Path.cwd(), []
        if case in GIVEN:
            self.file = str(given(case))
        else:
            name, *changes = (CASES | MODES)[case]
            self.file, settings = str(EXAMPLES / f"{name}.yaml"), short(name, *changes)
        self.settings = [*settings, f"generate.count={PARTS * ROWS}", f"generate.part_rows={ROWS}"]

    def start(self, workers: int) -> subprocess.Popen[str]:
        asked = [*self.settings, f"generate.workers={{min: {workers}, max: {workers}}}", "train.workers={count: 1}"]
        line = [sys.executable, "-m", "jobs", "run", self.file, "--json"]
        return subprocess.Popen(
            [*line, *(word for setting in asked for word in ("--set", setting))],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    def run(self, workers: int) -> tuple[str, dict[str, str]]:
        """To its end: the dataset's digest, and that of each part's bytes. The dataset is then put aside."""
        process = self.start(workers)
        out, told = process.communicate()
        assert process.returncode == 0, told
        result = json.loads(out)
        parts = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in self.made()}
        assert len(parts) == PARTS
        self.forget()
        return result["digest"], parts

    def kill(self, workers: int) -> int:
        """Begin, and kill the driver as soon as some parts are made; how many there are when it is gone."""
        for _ in range(TRIES):
            process = self.start(workers)
            assert process.stderr is not None
            next(line for line in process.stderr if line.startswith("generate: ") and " of " in line)
            os.kill(next(pid for pid, title in descendants(process.pid) if "-m workers" in title), signal.SIGKILL)
            process.communicate()
            if 0 < (made := len(self.made())) < PARTS:
                return made
            self.forget()
        raise SystemExit(f"{self.file}: over before it could be killed, {TRIES} times")

    def made(self) -> list[Path]:
        return sorted(self.folder.glob("runs/*/datasets/*/data/*.parquet"))

    def forget(self) -> None:
        """Put the datasets aside: what was trained is kept."""
        for datasets in self.folder.glob("runs/*/datasets"):
            datasets.rename(self.folder / f"aside-{len(list(self.folder.iterdir()))}")


def main() -> None:
    parser = argparse.ArgumentParser()
    every = [*CASES, *MODES, *GIVEN]
    parser.add_argument("--cases", nargs="*", default=every, choices=every)
    chosen = parser.parse_args().cases
    print(f"| family, data | one worker | three | killed after, of {PARTS} parts | run again | all parts |")
    print("| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="genai-") as home, cluster(Path(home)) as machines:
        machines.add(cpus=2)
        machines.add(cpus=2)
        os.environ.update(machines.environment)
        differ = [name for name in chosen if not _equal(name, Path(home))]
    sys.exit(f"different: {'; '.join(differ)}" if differ else 0)


def _equal(name: str, home: Path) -> bool:
    """Print a case's row; whether all is equal."""
    folder = home / name.replace(", ", "-")
    folder.mkdir()
    os.chdir(folder)
    case = Case(name)
    one, three = case.run(1), case.run(3)
    killed = case.kill(3)
    again = case.run(3)
    equal = one == three == again
    cells = [name, one[0][:12], three[0][:12], str(killed), again[0][:12], "equal" if equal else "DIFFER"]
    print(f"| {' | '.join(cells)} |", flush=True)
    return equal


if __name__ == "__main__":
    main()
