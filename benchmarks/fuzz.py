"""Every reader of outside bytes under a fuzzer, guided by coverage: what is read and what is refused, and nothing else.

    make fuzz                                              every target for a minute
    python benchmarks/fuzz.py --target all --seconds 600   what benchmarks/results/fuzz.txt says
    python benchmarks/fuzz.py --target image --input FILE  one input again

The targets are those of `tests/fuzz/targets.py`, which the tests run as well, for a moment and without guidance. Each
runs in a process of its own, one after the other, from real files of its kind; half of the changes are the target's
own, which keep checksums, lengths and canonical JSON in order. A finding is an exception that is none of ours, a crash,
more than 2 GiB of memory, or an input that takes 20 s of a processor (or ten minutes of the clock): its bytes are kept,
and the exit code is 1.
Needs atheris: `pip install -c constraints.txt -e '.[test,fuzz]'`, Python 3.11 to 3.13.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[1]
RSS_MB, CPU_SECONDS, SECONDS = 2048, 20, 600  # that one input may take
SHARE = 0.5  # of the changes that are the target's own
COLUMNS = "target", "inputs", "inputs/s", "edges", "features", "peak MB", "slowest", "findings"
FORMAT = "{:12} {:>12} {:>9} {:>7} {:>9} {:>8} {:>10} {:>9}"


def inside(name, seconds, folder):
    """The fuzzer's own process."""
    import atheris

    with atheris.instrument_imports(include=["genai", "jobs", "yaml", "json", "PIL", "safetensors"]):
        from tests.fuzz.targets import TARGETS
    target, slowest = TARGETS[name], 0.0

    def one(data):
        nonlocal slowest
        began = time.process_time()
        target(data)
        if (took := time.process_time() - began) > slowest:
            slowest = took
            (folder / "slowest.json").write_text(json.dumps(took))
        if took > CPU_SECONDS:
            raise TimeoutError(f"it took {took:.0f} s")

    def change(data, longest, seed):
        random = Random(seed)
        made = target.mutate(data, random) if random.random() < SHARE else b""
        return made if 0 < len(made) <= longest else atheris.Mutate(data, longest)

    warnings.simplefilter("ignore")
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    longest = max(target.longest, *map(len, target.seeds()))
    flags = [
        f"-max_total_time={seconds}", f"-timeout={SECONDS}", f"-report_slow_units={SECONDS}", f"-rss_limit_mb={RSS_MB}",
        f"-max_len={longest}", f"-artifact_prefix={folder}/found-", "-print_final_stats=1", "-reload=0",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *flags, str(corpus)], one, custom_mutator=change)
    atheris.Fuzz()


def fuzz(name, seconds, found):
    """Run one target; its row of the table, and how many findings there were."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place, tempfile.TemporaryFile("w+", errors="replace") as log:
        command = [sys.executable, __file__, "--inside", place, "--target", name, "--seconds", str(seconds)]
        code = subprocess.run(command, stdout=log, stderr=log, cwd=ROOT, check=False).returncode
        log.seek(0)
        told = log.read()
        findings = sorted(Path(place).glob("found-*"))
        for finding in findings:
            found.mkdir(parents=True, exist_ok=True)
            (found / finding.name.replace("found", name)).write_bytes(finding.read_bytes())
        if findings or code:
            print(told[-4000:], f"\n{name}: exit code {code}, inputs kept in {found}", file=sys.stderr)
        slowest = Path(place) / "slowest.json"
        took = f"{json.loads(slowest.read_text()):.2f} s" if slowest.exists() else "-"
    return (name, *figures(told), took, len(findings)), len(findings) + (code != 0)


def figures(told):
    """Inputs, inputs a second, edges, features and memory, as libFuzzer tells them."""

    def last(pattern):
        found = re.findall(pattern, told)
        return found[-1] if found else "-"

    return (
        last(r"stat::number_of_executed_units:\s*(\d+)"),
        last(r"stat::average_exec_per_sec:\s*(\d+)"),
        last(r"cov: (\d+)"),
        last(r"ft: (\d+)"),
        last(r"stat::peak_rss_mb:\s*(\d+)"),
    )


def main():
    sys.path.insert(0, str(ROOT))  # the targets are tests, which are not installed
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--target", default="all", help="names, with commas between them")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--found", type=Path, default=Path("fuzz-found"), help="where inputs of findings go")
    parser.add_argument("--input", type=Path, help="run this one input instead")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        return inside(given.target, given.seconds, given.inside)
    from tests.fuzz.targets import TARGETS

    names = list(TARGETS) if given.target == "all" else given.target.split(",")
    if given.input:
        return TARGETS[given.target](given.input.read_bytes())
    print(FORMAT.format(*COLUMNS), flush=True)
    bad = 0
    for name in names:
        row, findings = fuzz(name, given.seconds, given.found)
        print(FORMAT.format(*row), flush=True)
        bad += findings
    return sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
