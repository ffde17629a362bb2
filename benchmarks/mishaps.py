"""Three mishaps of a night, each measured against a quiet run of the same job in the same minutes.

    python benchmarks/mishaps.py two-drivers [--times 20]   # half of them without the lease
    python benchmarks/mishaps.py spot                       # SIGTERM, 30 s later SIGKILL, as a spot machine ends
    python benchmarks/mishaps.py poison [--ways crashes …]  # one part among 100 ends its worker every time

Runs `genai run` as a user types it, on a Ray of its own (two-drivers: without Ray), into a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.processes import descendants

ROOT = Path(__file__).parent.parent
NOTICE_SECONDS = 30.0
PARTS = 100

JOB = """\
name: mishap
output: {output}
data: {{source: "{data}", split: {{train: 0.9, validation: 0.05, test: 0.05}}}}
model: {{family: "{family}", backbone: dense, latent: 16, width: 256{poison}}}
train: {{steps: {steps}, batch: 64, checkpoint_every: 100, validate_every: 1000, workers: {{count: 2}}}}
generate: {{count: {count}, part_rows: {rows}, batch: 64, workers: {{min: 2, max: 2, patience: 10}}}}
"""


class Job:
    """A job file in a folder of its own."""

    def __init__(
        self, folder: Path, steps: int, parts: int, rows: int, family: str = "tests.poison:Poison", poison: str = ""
    ) -> None:
        folder.mkdir(parents=True)
        self.file = folder / "job.yaml"
        text = JOB.format(
            output=folder / "runs", data=ROOT / "examples/data/digits.parquet", family=family, poison=poison,
            steps=steps, count=parts * rows, rows=rows,
        )  # fmt: skip
        self.file.write_text(text)

    def start(self, *args: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "jobs", "run", str(self.file), "--json", *args],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    def run(self, *args: str) -> tuple[int, dict, str, float]:
        """Exit code, result, what was said, seconds."""
        began = time.monotonic()
        process = self.start(*args)
        out, told = process.communicate()
        return process.returncode, json.loads(out or "{}"), told, time.monotonic() - began

    def events(self) -> list[dict]:
        paths = sorted(self.file.parent.glob("runs/mishap/runs/*/events/*"))
        return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def two_drivers(folder: Path, times: int) -> bool:
    """Two commands at once on one job."""
    code, quiet, told, _ = Job(folder / "quiet", 60, 8, 200, "vae").run("--crew", "local")
    assert code == 0, told
    seen: Counter[tuple[str, tuple[int, ...]]] = Counter()
    fine = True
    for number in range(times):
        job = Job(folder / str(number), 60, 8, 200, "vae")
        how = ("--no-lease",) if number % 2 else ()
        pair = [job.start("--crew", "local", *how) for _ in range(2)]
        ends = [(*process.communicate(), process.returncode) for process in pair]
        digests = {json.loads(out)["digest"] for out, _, code in ends if code == 0}
        codes = tuple(sorted(code for _, _, code in ends))
        seen["without lease" if how else "with lease", codes] += 1
        fine &= digests == {quiet["digest"]} and codes in ((0, 0), (0, 75)) and not (how and codes != (0, 0))
    for (how, codes), count in sorted(seen.items()):
        print(f"two drivers at once, {how}: exit codes {codes}, {count} times")
    print(f"digests equal to the quiet run's: {'yes, all' if fine else 'NO'}")
    return fine


def spot(folder: Path) -> bool:
    """A notice in training and one in minting, then the same command again."""
    code, quiet, told, calm = Job(folder / "quiet", 1500, 60, 1000).run()
    assert code == 0, told
    job = Job(folder / "spot", 1500, 60, 1000)
    for until in (r"train: step ([3-9]\d\d|1,)", r"generate: [2-4]\d of"):
        process = job.start()
        while (line := process.stderr.readline()) and not re.search(until, line):
            pass
        below = [process.pid, *(pid for pid, _ in descendants(process.pid))]
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(NOTICE_SECONDS)
        took = time.monotonic() - began
        for pid in below:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        rest = process.communicate()[1]
        print(f"SIGTERM at '{line.strip()}': over after {took:.1f} s, exit code {process.returncode}")
        print("  " + "\n  ".join(t for t in rest.splitlines() if re.search("stopped|dropped|To go on", t)))
    code, done, told, _ = job.run()
    parts = Counter(e["part"] for e in job.events() if e["kind"] == "part_done")
    equal = code == 0 and done["digest"] == quiet["digest"]
    print(f"the same command again: exit code {code}, parts made twice: {sum(parts.values()) - len(parts)}, "
          f"digest {'equal' if equal else 'ANOTHER'} (quiet run {calm:.0f} s)")  # fmt: skip
    return equal


def poison(folder: Path, ways: list[str]) -> bool:
    """One poisoned part among a hundred, in each of some ways."""
    rows, fine = 8000, True
    code, _, told, calm = Job(folder / "quiet", 300, PARTS, rows).run()
    assert code == 0, told
    print(f"quiet: {PARTS} parts, {calm:.0f} s")
    for how in ways:
        job = Job(folder / how, 300, PARTS, rows, poison=f", {how}: {50 * rows + 7}")
        code, _, told, took = job.run()
        error = next((line for line in told.splitlines() if line.startswith("error:")), told[-300:])
        again, _, _, later = job.run()
        tries = Counter(
            e["shard"] for e in job.events() if e["kind"] == "shard_failed" and e["decision"] == "quarantine"
        )
        done = sum(e["kind"] == "part_done" for e in job.events())
        print(f"{how:<8} exit {code}, {done} parts committed, {took:.0f} s, {took / calm:.2f} of the quiet run; "
              f"given up: {sorted(tries)}; the next run: exit {again}, {later:.0f} s\n  {error[:400]}")  # fmt: skip
        fine &= (code, again, done, len(tries)) == (1, 1, PARTS - 1, 1) and took / calm <= 1.5
    return fine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["two-drivers", "spot", "poison"])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--ways", nargs="*", default=["raises", "crashes", "devours", "loops"])
    given = parser.parse_args()
    where = f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores"
    print(f"$ python benchmarks/mishaps.py {' '.join(sys.argv[1:])}   # {where}")
    with tempfile.TemporaryDirectory(prefix="genai-mishap-") as name:
        folder = Path(name)
        fine = {"two-drivers": lambda: two_drivers(folder, given.times), "spot": lambda: spot(folder),
                "poison": lambda: poison(folder, given.ways)}[given.what]()  # fmt: skip
    raise SystemExit(0 if fine else 1)


if __name__ == "__main__":
    main()
