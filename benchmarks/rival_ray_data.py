"""What becomes of a dataset when something goes wrong: ours, and Ray Data with its row-id checkpoints, in four cases.

    python benchmarks/rival_ray_data.py [--rows 2000]

Both draw the same number of samples from the same network into Parquet in a folder. Ray Data runs as its documentation
shows it: `range(n).map_batches(actor).write_parquet(folder)` with a `CheckpointConfig` on the row id. Its checkpoint is
kept after success (`delete_checkpoint_on_success=False`): by default it goes, and the same program writes every row a
second time, which the first line shows. After the harm each is told what its user would tell it: the same program again
for Ray Data, which has no other command; for ours `genai run`, `genai verify --deep` and `genai repair`.

The cases: a part is deleted; four bytes in the middle of a part are overwritten; half of the rows are made, then the
generator is changed (another seed) and all are asked for; two drivers begin at once.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

PARTS = 20
JOB = """\
name: rival
output: runs
data: {{source: "sklearn://digits"}}
model: {{family: vae, backbone: dense, latent: 8}}
train: {{steps: 60, batch: 64}}
generate: {{count: {rows}, part_rows: {part}, batch: 64}}
"""


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def warnings(self):
        """What it said that one could take for a warning of the data, without its figures. (That an actor's restart
        may fail is said of Ray's own actors at each start.)
        """
        text = re.sub(r"\x1b\[[0-9;]*m", "", self.out + self.err)
        lines = [line for line in text.splitlines() if "the actor restart will fail" not in line]
        odd = [line for line in lines if re.search(r"warn|error|fail|mismatch|corrupt|duplicate", line, re.IGNORECASE)]
        return [re.sub(r"\w*\d\w*", "#", line) for line in odd]


def begin(command, folder, **environment):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=folder, env=os.environ | environment, text=True, **pipes)


def end(process):
    out, err = process.communicate(timeout=600)
    return Ended(process.returncode, out, err)


def found(paths):
    """Rows and distinct indices in Parquet files, and how many files cannot be read."""
    rows, ids, unreadable = 0, set(), 0
    for path in sorted(paths):
        try:
            table = pq.read_table(path)
        except (pa.ArrowException, OSError):
            unreadable += 1
            continue
        rows += len(table)
        ids |= set(table["index" if "index" in table.column_names else "id"].to_pylist())
    return rows, len(ids), unreadable


def spoil(path):
    """Overwrite four bytes in the middle of a file."""
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4] = b"\0\0\0\0"
    path.write_bytes(data)


# Ray Data


def draw_with_ray_data(given):
    """The program of a user of Ray Data, run as a process of its own."""
    import ray
    from ray.data import DataContext
    from ray.data.checkpoint import CheckpointConfig

    ray.init(address=given.address, log_to_driver=False)
    DataContext.get_current().checkpoint_config = CheckpointConfig(
        id_column="id",
        checkpoint_path=f"{given.folder}/checkpoint",
        delete_checkpoint_on_success=given.forget,
    )
    rows = ray.data.range(given.rows, override_num_blocks=PARTS)
    drawn = rows.map_batches(
        Draw,
        fn_constructor_args=(given.job, given.seed),
        compute=ray.data.ActorPoolStrategy(size=2),
        num_cpus=0.5,
        batch_size=64,
    )
    drawn.write_parquet(f"{given.folder}/data")


class Draw:
    """Draws with the checkpoint of a finished job of ours."""

    def __init__(self, job, seed):
        from jobs.draw import generator_of
        from jobs.resolve import resolve
        from jobs.survey import survey

        found = survey((target := resolve(job)).spec, target.store)
        spec = found.spec.model_copy(update={"seed": seed})
        self.generator = generator_of(spec, found.store, found.train_key, found.checkpoint)
        self.plan, self.seed = found.plan, seed

    def __call__(self, batch):
        indices = batch["id"].tolist()
        labels = [self.plan.labels(index, index + 1)[0] for index in indices]
        arrays = self.generator.draw(indices, labels)
        png = self.generator.checkpoint.modality.cells(arrays)
        return {"id": batch["id"], "image": png, "label": labels, "seed": [self.seed] * len(indices)}


class RayData:
    """Runs the program in a folder, on one Ray for all."""

    def __init__(self, address, job, folder, rows):
        self.address, self.job, self.folder, self.rows = address, str(job), folder, rows
        self.usual = set()  # what it says when nothing is wrong
        folder.mkdir()

    def begin(self, *, rows=None, seed=0, forget=False):
        asked = {
            "folder": self.folder,
            "job": self.job,
            "address": self.address,
            "rows": rows or self.rows,
            "seed": seed,
        }
        line = [f"--{name}={value}" for name, value in asked.items()] + ["--forget"] * forget
        return begin([sys.executable, __file__, "--rival", *line], self.folder)

    def quietly(self, **asked):
        """A first run, with nothing wrong."""
        ended = end(self.begin(**asked))
        assert ended.code == 0, ended.err
        self.usual |= set(ended.warnings)

    def files(self):
        return sorted((self.folder / "data").glob("*.parquet"))

    def tell(self, case, *ended, more=""):
        rows, unique, unreadable = found(self.files())
        warnings = [line for each in ended for line in each.warnings if line not in self.usual]
        said = f"{warnings[0][:60]!r}" if warnings else "no warning"
        unread = f", {unreadable} unreadable" if unreadable else ""
        line(
            case, "Ray Data", "+".join(str(each.code) for each in ended), self.rows, rows, unique, said + unread + more
        )


def ray_data(address, job, folder, rows):
    again = RayData(address, job, folder / "default", rows)
    again.quietly(forget=True)
    again.tell("the same again (default)", end(again.begin(forget=True)))

    deleted = RayData(address, job, folder / "deleted", rows)
    deleted.quietly()
    deleted.files()[1].unlink()
    deleted.tell("a part deleted", end(deleted.begin()))

    spoilt = RayData(address, job, folder / "spoilt", rows)
    spoilt.quietly()
    spoil(spoilt.files()[1])
    spoilt.tell("four bytes overwritten", end(spoilt.begin()))

    changed = RayData(address, job, folder / "changed", rows)
    changed.quietly(rows=rows // 2)
    ended = end(changed.begin(seed=1))
    seeds = pa.concat_tables([pq.read_table(path, columns=["seed"]) for path in changed.files()])["seed"].to_pylist()
    mixed = ", ".join(f"{seeds.count(seed):,} of seed {seed}" for seed in sorted(set(seeds)))
    changed.tell("the generator changed", ended, more=f"; in one folder {mixed}")

    both = RayData(address, job, folder / "both", rows)
    both.usual = again.usual | deleted.usual
    both.tell("two drivers at once", *map(end, [both.begin(), both.begin()]))


# ours


class Ours:
    """`genai`, typed in a folder."""

    def __init__(self, folder, rows, like=None):
        self.folder, self.rows = folder, rows
        folder.mkdir(parents=True)
        (folder / "job.yaml").write_text(JOB.format(rows=rows, part=rows // PARTS))
        if like:
            shutil.copytree(like.folder / "runs", folder / "runs")

    def begin(self, *arguments):
        return begin([sys.executable, "-m", "jobs", *arguments], self.folder)

    def __call__(self, *arguments):
        return end(self.begin(*arguments))

    def run(self, *arguments):
        return self("run", "job.yaml", "--crew", "local", *arguments)

    def datasets(self):
        """The data folder of each sealed dataset."""
        return [marker.parent / "data" for marker in sorted(self.folder.glob("runs/rival/datasets/*/_SUCCESS"))]

    def part(self):
        return sorted(self.datasets()[0].glob("*.parquet"))[1]

    def digests(self):
        return [json.loads((data.parent / "manifest.json").read_text())["digest"] for data in self.datasets()]

    def tell(self, case, codes, said):
        for data in self.datasets():
            rows, unique, _ = found(data.glob("*.parquet"))
            line(
                case,
                "genai",
                codes,
                json.loads((data.parent / "manifest.json").read_text())["rows"],
                rows,
                unique,
                said,
            )


def mended(case, ours, harm):
    """`run` again, `verify --deep`, `repair`, `verify --deep`."""
    before = ours.digests()
    harm(ours.part())
    again, verified = ours.run(), ours("verify", "job.yaml", "--deep", "--json")
    repaired, after = ours("repair", "job.yaml", "--crew", "local", "--json"), ours("verify", "job.yaml", "--deep")
    named = ", ".join(f"{p['part']} ({p['kind']})" for p in json.loads(verified.out)["problems"])
    made = ", ".join(json.loads(repaired.out)["again"])
    digest = "the digest that it had" if ours.digests() == before else "ANOTHER DIGEST"
    codes = "+".join(str(each.code) for each in (again, verified, repaired, after))
    ours.tell(case, codes, f"verify names {named}; repair makes {made}; {digest}")


def genai(base, folder, rows):
    again = Ours(folder / "default", rows, base)
    again.tell("the same again (default)", again.run().code, "complete already")
    mended("a part deleted", Ours(folder / "deleted", rows, base), Path.unlink)
    mended("four bytes overwritten", Ours(folder / "spoilt", rows, base), spoil)

    changed = Ours(folder / "changed", rows)
    half, full = changed.run("--set", f"generate.count={rows // 2}"), changed.run("--set", "seed=1")
    changed.tell("the generator changed", f"{half.code}+{full.code}", "a dataset for each seed, each its own")

    both = Ours(folder / "both", rows)
    ended = [end(each) for each in [both.begin("run", "job.yaml", "--crew", "local") for _ in range(2)]]
    held = [each.err.strip().splitlines()[-1].partition(";")[0] for each in ended if each.code == 75]
    same = "the quiet run's digest" if both.digests() == base.digests() else "ANOTHER DIGEST"
    both.tell(
        "two drivers at once",
        "+".join(str(each.code) for each in ended),
        f"{held[0] if held else 'both did the work'}; {same}",
    )


def line(case, who, codes, expected, rows, unique, said):
    print(f"{case:26} {who:9} {codes!s:9} {expected:8,} {rows:6,} {unique:6,}  {said}", flush=True)


def compare(rows):
    import ray

    with tempfile.TemporaryDirectory(prefix="rival-") as place:
        folder = Path(place)
        base = Ours(folder / "base", rows)
        assert (quiet := base.run()).code == 0, quiet.err
        print(f"{'case':26} {'':9} {'exit':9} {'expected':>8} {'rows':>6} {'unique':>6}  what it said")
        (folder / "genai").mkdir()
        genai(base, folder / "genai", rows)
        ray.init(address="local", num_cpus=4, include_dashboard=False, log_to_driver=False)
        try:
            address = ray.get_runtime_context().gcs_address
            (folder / "ray").mkdir()
            (job,) = base.folder.glob("runs/rival/runs/*/job.yaml")  # its paths are absolute
            ray_data(address, job, folder / "ray", rows)
        finally:
            ray.shutdown()


if __name__ == "__main__":
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # on Linux this keeps Ray on loopback
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--rival", action="store_true", help="Be the rival's program.")
    for name, kind in (("folder", str), ("job", str), ("address", str), ("seed", int)):
        parser.add_argument(f"--{name}", type=kind, help="Of the rival's program.")
    parser.add_argument("--forget", action="store_true", help="Ray Data removes its checkpoint after success.")
    given = parser.parse_args()
    if given.rival:
        draw_with_ray_data(given)
    else:
        compare(given.rows)
