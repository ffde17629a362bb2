"""A storm of faults over a real job, and whether its dataset has the digest of a quiet run.

    python benchmarks/storm.py --faults 200 --seed 0 [--out benchmarks/results/storm.txt]

A Ray of a head and two nodes, an S3 server (moto) behind a wire that fails (`tests/faulty_s3.py`), and `genai run` in a
process of its own, with train and mint on both nodes. The job runs once in quiet. Then it runs again, into a fresh
prefix, and is struck with one fault after the other, kinds in a seeded order, those of the wire three times as often. A
driver that ends is started again with the same command, as a scheduler would. A job that gets through before the faults
are used up is run again from nothing. Faults at processes wait until the run has got over the one before.

The clock that jumps is the server's, by an hour or a day and back after some seconds: what all machines sign then has
the wrong date, and is refused as AWS refuses it. (Under libfaketime Ray's processes do not start.)
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # loopback; read when ray is imported

from jobs.events import Event, read
from jobs.stores import open_store
from tests.clusters import Machines, cluster
from tests.processes import descendants

WIRE = ("500", "503", "timeout", "refused", "cut_request", "cut_response", "trickle", "lost_answer", "corrupt",
        "full_disk")  # fmt: skip
PROCESS = ("worker killed", "worker stopped", "worker out of memory", "node lost", "driver killed")
CLOCK = "clock jumps"
KINDS = (*PROCESS, CLOCK, *WIRE)
OFTEN = 3  # faults of the wire for one of another kind
OVER_SECONDS = 90.0  # that a process fault is waited for at most
GAP = (0.3, 2.0)  # seconds between two faults
WORKER = re.compile(r"ray::(Hand|RayTrainWorker|Trainee|in_memory)")

JOB = """\
name: storm
output: {output}
data: {{source: "{data}", split: {{train: 0.9, validation: 0.05, test: 0.05}}}}
model: {{family: vae, backbone: dense, latent: 16, width: 256}}
train:
  steps: {steps}
  batch: 64
  checkpoint_every: {every}
  validate_every: 1000
  workers: {{count: 2, min: 1, patience: 10}}
generate: {{count: {count}, part_rows: {part_rows}, batch: 64, workers: {{min: 1, max: 3, patience: 10}}}}
"""


@dataclass(frozen=True)
class Size:
    """How large the job is."""

    steps: int = 1500
    every: int = 100
    count: int = 60_000
    part_rows: int = 1000


@dataclass
class Run:
    """`genai run`, started again whenever it ends before it is done; `moved` counts its signs of progress."""

    job: Path
    environment: dict[str, str]
    log: Path
    starts: int = 0
    moved: int = 0
    code: int | None = None
    codes: Counter[int] = field(default_factory=Counter)
    extra: tuple[str, ...] = ()  # for the command line
    _process: subprocess.Popen[str] | None = None

    def begin(self) -> None:
        self.starts, self.code = self.starts + 1, None
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jobs", "run", str(self.job), "--json", *self.extra],
            env=self.environment, cwd=self.job.parent, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr
        with self.log.open("a", encoding="utf-8") as log:
            for line in process.stderr:
                log.write(f"{time.strftime('%H:%M:%S')} {line}")
                log.flush()
                self.moved += bool(re.match(r"train: step|generate: [\d,]+ of|(prepare|train|generate): done", line))

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        assert self._process
        if self.code is None and (code := self._process.poll()) is not None:
            self.code = code
            self.codes[code] += 1
        return self.code

    def result(self) -> dict[str, object]:
        assert self._process
        assert self._process.stdout
        return json.loads(self._process.stdout.read())

    def processes(self) -> list[int]:
        """The command and its driver."""
        assert self._process
        below = [pid for pid, title in descendants(self._process.pid) if "-m workers" in title]
        return [self._process.pid, *below]

    def end(self) -> None:
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class Wire:
    """The proxy before the S3 server, in a process of its own."""

    def __init__(self, upstream: str, seed: int) -> None:
        command = [sys.executable, "-m", "tests.faulty_s3", "--upstream", upstream, "--seed", str(seed), "--events"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.endpoint = json.loads(self._process.stdout.readline())["endpoint"]
        self.fired: Counter[str] = Counter()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            if kind := json.loads(line).get("event"):
                self.fired[kind] += 1

    def fire(self, kind: str) -> None:
        self._say(fire=kind, times=1)

    def clear(self) -> None:
        self._say(clear=True)

    def jump(self, seconds: float) -> None:
        self._say(clock_ahead=seconds)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _say(self, **order: object) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()


@dataclass
class Storm:
    """Fires faults at a run, and counts what fired."""

    run: Run
    machines: Machines
    nodes: list[object]
    wire: Wire
    chance: random.Random
    fired: Counter[str] = field(default_factory=Counter)
    over: dict[str, list[float]] = field(default_factory=dict)  # seconds until the run got on, by kind

    def fire(self, kind: str) -> bool:
        """Fire one fault now; False where there is nothing that it could strike."""
        before = self.run.moved
        began = time.monotonic()
        if not self._strike(kind):
            return False
        self.fired[kind] += 1
        if kind in PROCESS and self._until(lambda: self.run.moved > before or self.run.poll() == 0, OVER_SECONDS):
            self.over.setdefault(kind, []).append(time.monotonic() - began)
        return True

    def _strike(self, kind: str) -> bool:
        if kind in WIRE:
            return self._on_the_wire(kind)
        return {
            "worker killed": lambda: self._signal(signal.SIGKILL),
            "worker stopped": lambda: self._signal(signal.SIGSTOP),
            "worker out of memory": self._starve,
            "node lost": self._lose,
            "driver killed": self._kill_driver,
            CLOCK: self._jump,
        }[kind]()

    def _on_the_wire(self, kind: str) -> bool:
        """Armed for the next request that it fits, and counted when it has struck one."""
        before = self.wire.fired[kind]
        self.wire.fire(kind)
        struck = self._until(lambda: self.wire.fired[kind] > before or self.run.poll() is not None, 20)
        if self.wire.fired[kind] == before:
            self.wire.clear()
        return struck and self.wire.fired[kind] > before

    def _workers(self) -> list[int]:
        return sorted(pid for pid, title in descendants(os.getpid()) if WORKER.match(title))

    def _signal(self, number: int) -> bool:
        if workers := self._workers():
            with suppress(ProcessLookupError):
                os.kill(self.chance.choice(workers), number)
                return True
        return False

    def _starve(self) -> bool:
        """From now on the worker gets no more memory: what it asks for next fails, as on a full machine."""
        if not (workers := self._workers()):
            return False
        pid = self.chance.choice(workers)
        try:
            _, hard = resource.prlimit(pid, resource.RLIMIT_AS)
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
            resource.prlimit(pid, resource.RLIMIT_AS, (pages * resource.getpagesize() // 2, hard))
        except (ProcessLookupError, FileNotFoundError):
            return False
        self._until(lambda: self.run.poll() is not None or not Path(f"/proc/{pid}").exists(), 5)
        with suppress(ProcessLookupError):  # the machine has room again
            resource.prlimit(pid, resource.RLIMIT_AS, (hard, hard))
        return True

    def _lose(self) -> bool:
        if not self._workers():
            return False
        node = self.nodes.pop(self.chance.randrange(len(self.nodes)))
        self.machines.lose(node)
        self._until(lambda: self.run.poll() is not None, self.chance.uniform(2, 12))  # then another one comes
        self.nodes.append(self.machines.add(cpus=2))
        return True

    def _kill_driver(self) -> bool:
        """The driver, or the command that started it: then the driver has to end by itself."""
        found = self.run.processes()
        if len(found) < 2:
            return False
        os.kill(self.chance.choice(found), signal.SIGKILL)
        return True

    def _jump(self) -> bool:
        before = self.wire.fired["skew"]
        self.wire.jump(self.chance.choice([-1, 1]) * self.chance.choice([3600, 86400]))
        self._until(lambda: self.wire.fired["skew"] > before, 10)
        self._until(lambda: False, self.chance.uniform(1, 5))
        self.wire.jump(0)
        return self.wire.fired["skew"] > before

    def _until(self, done: Callable[[], bool], seconds: float) -> bool:
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
            keep_running(self.run)
        return True


def keep_running(run: Run) -> None:
    """The same command again where it has ended before it was done."""
    if run.poll() not in (None, 0):
        run.begin()


@contextmanager
def stage(folder: Path, seed: int) -> Iterator[tuple[Machines, list[object], Wire, dict[str, str], str]]:
    """Cluster, its nodes, the wire before an S3 server, the environment of a driver, and the server itself."""
    with ExitStack() as stack:
        port = free_port()
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.moto_s3", "-H", "127.0.0.1", "-p", str(port)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        stack.callback(server.kill)
        upstream = f"http://127.0.0.1:{port}"
        aws = {
            "AWS_ACCESS_KEY_ID": "storm", "AWS_SECRET_ACCESS_KEY": "storm", "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "OMP_NUM_THREADS": "1",
            "GENAI_S3_PATIENCE": "0.4", "RAY_worker_niceness": "0", "PYTHONPATH": str(Path.cwd()),
        }  # fmt: skip
        wait_for(port)
        wire = Wire(upstream, seed)
        stack.callback(wire.close)
        os.environ |= aws | {"AWS_ENDPOINT_URL_S3": wire.endpoint}  # nodes hand it on to their workers
        machines = stack.enter_context(cluster(folder))
        nodes = [machines.add(cpus=2), machines.add(cpus=2)]
        yield machines, nodes, wire, {**os.environ, **machines.environment}, upstream


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    import socket

    for _ in range(600):
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.1)
    raise SystemExit("the S3 server does not start")


def bucket(upstream: str, name: str) -> str:
    import boto3

    boto3.client("s3", endpoint_url=upstream).create_bucket(Bucket=name)
    return f"s3://{name}"


def started(
    folder: Path, name: str, output: str, environment: dict[str, str], size: Size, extra: tuple[str, ...] = ()
) -> Run:
    data = Path(__file__).parent.parent / "examples/data/digits.parquet"
    job = folder / f"{name}.yaml"
    job.write_text(JOB.format(output=output, data=data, **vars(size)))
    run = Run(job, environment, folder / f"{name}.log", extra=extra)
    run.begin()
    return run


def quiet(
    folder: Path, environment: dict[str, str], upstream: str, size: Size, crew: str
) -> tuple[dict[str, object], float]:
    """What the job makes of itself when nothing happens, and its seconds."""
    began = time.monotonic()
    run = started(folder, "quiet", bucket(upstream, "quiet"), environment, size, ("--crew", crew))
    while run.poll() is None:
        time.sleep(0.1)
    if run.code:
        raise SystemExit(f"the quiet run ended with {run.code}:\n{run.log.read_text()[-4000:]}")
    return run.result(), time.monotonic() - began


def redone(events: list[Event]) -> dict[str, int]:
    """Work that was done more than once, and tries that came to nothing."""
    parts, steps, at = Counter(), 0, 0
    for event in events:
        f = event.fields
        if event.kind == "part_done":
            parts[f["part"]] += 1
        elif event.kind == "train_step":
            steps += max(0, at - f["step"] + 1) if f["step"] <= at else 0
            at = f["step"]
    kinds = Counter(event.kind for event in events)
    return {
        "drivers": kinds["run_started"],
        "failed tries of parts": kinds["shard_failed"],
        "parts made again": sum(parts.values()) - len(parts),
        "training steps done again": steps,
        "workers lost": kinds["worker_lost"],
        "stragglers doubled": kinds["shard_doubled"],
        "quarantined": kinds["shard_quarantined"],
    }


def left_behind() -> list[str]:
    """Workers that outlived their driver."""
    for _ in range(200):
        found = [title for _, title in descendants(os.getpid()) if WORKER.match(title)]
        if not found:
            return []
        time.sleep(0.1)
    return found


def storm(
    faults: int,
    seed: int,
    size: Size,
    kinds: tuple[str, ...] = KINDS,
    crew: str = "ray",
    say: Callable[[str], None] = print,
) -> bool:
    """Whether all digests are equal, and nobody is left behind; `crew` makes the quiet run."""
    chance = random.Random(seed)
    cycle = [kind for kind in kinds for _ in range(OFTEN if kind in WIRE else 1)]
    order = [kind for _ in range(-(-faults // len(cycle))) for kind in chance.sample(cycle, len(cycle))][:faults]
    fired: Counter[str] = Counter()
    over: dict[str, list[float]] = {}
    work: Counter[str] = Counter()
    codes: Counter[int] = Counter()
    seconds, digests, orphans, rounds = 0.0, [], [], 0
    with (
        tempfile.TemporaryDirectory(prefix="genai-storm-") as name,
        stage(Path(name), seed) as scene,
    ):
        machines, nodes, wire, environment, upstream = scene
        folder = Path(name)
        expected, calm = quiet(folder, environment, upstream, size, crew)
        say(f"quiet run: {calm:.0f} s, digest {expected['digest']}")
        while order:
            rounds += 1
            output = bucket(upstream, f"storm-{rounds}")
            run = started(folder, f"storm-{rounds}", output, environment, size)
            fury = Storm(run, machines, nodes, wire, chance, fired, over)
            began = time.monotonic()
            while run.poll() != 0:
                keep_running(run)
                kind = next((kind for kind in order if fury.fire(kind)), None) if order else None
                if kind:
                    order.remove(kind)
                    say(f"{time.monotonic() - began:6.0f} s  round {rounds}  {kind}")
                time.sleep(chance.uniform(*GAP))
            wire.clear()
            seconds += time.monotonic() - began
            codes += run.codes
            digests.append(run.result()["digest"])
            orphans += left_behind()
            store = open_store(output).child("storm")
            (run_id,) = {e.key.split("/")[1] for e in store.list("runs/")}
            work.update(redone(list(read(store, run_id))))
            say(f"round {rounds}: {run.starts} starts, digest {digests[-1]}, "
                f"{'EQUAL' if digests[-1] == expected['digest'] else 'ANOTHER'}")  # fmt: skip
    equal = all(digest == expected["digest"] for digest in digests)
    say(f"\n{sum(fired.values())} faults in {rounds} round(s) of the job, seed {seed}")
    for kind in kinds:
        times = over.get(kind)
        note = f"   got on after {statistics.median(times):.0f} s (median), {max(times):.0f} s (most)" if times else ""
        say(f"  {kind:<22} {fired[kind]:>4}{note}")
    say("work")
    for what, number in work.items():
        say(f"  {what:<28} {number:>6}")
    say(f"  exit codes of the command    {dict(sorted(codes.items()))}")
    say(f"  workers left behind          {len(orphans)} {orphans or ''}")
    say(f"time: {seconds:.0f} s under faults, {rounds * calm:.0f} s in quiet: {seconds - rounds * calm:.0f} s lost, "
        f"{(seconds - rounds * calm) / max(1, sum(fired.values())):.1f} s a fault")  # fmt: skip
    say(f"digests equal: {'yes' if equal else 'NO'}, {len(digests)} of {len(digests)} rounds")
    return equal and not orphans


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="a file for what is printed, too")
    parser.add_argument("--steps", type=int, default=Size.steps)
    parser.add_argument("--count", type=int, default=Size.count)
    parser.add_argument("--quiet-crew", default="ray", choices=["ray", "local"], help="who makes the quiet run")
    parser.add_argument("--kinds", nargs="*", default=KINDS, choices=KINDS)
    given = parser.parse_args()
    where = f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, {platform.machine()}"
    lines = [f"$ python benchmarks/storm.py {' '.join(sys.argv[1:])}   # {where}"]

    def say(line: str) -> None:
        print(line, flush=True)
        lines.append(line)

    size = Size(given.steps, Size.every, given.count, Size.part_rows)
    fine = storm(given.faults, given.seed, size, tuple(given.kinds), given.quiet_crew, say)
    if given.out:
        given.out.write_text("\n".join(lines) + "\n")
    raise SystemExit(0 if fine else 1)


if __name__ == "__main__":
    main()
