"""Damage to a finished run: `genai verify --deep` names it, `genai repair` makes it again, to the bytes that were."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from genai.errors import InputError, LeaseHeld
from jobs import cli, layout, ledger, repair, resolve, stop
from jobs.driver import drive
from jobs.events import EventLog
from jobs.lease import Leases
from jobs.survey import survey
from workers.local import LocalCrew


@pytest.fixture
def copied(finished, tmp_path):
    """The finished run in a folder of its own, to be damaged."""
    shutil.copytree(finished.folder / "runs", tmp_path / "runs")
    made = type(finished)(tmp_path)
    made.job()
    return made


def folder(genai, kind: str = "datasets") -> Path:
    (found,) = (genai.folder / "runs/tiny" / kind).iterdir()
    return found


def flip(path: Path, at: int = 99) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def target(genai, *overrides: str):
    """What the job file in a test's folder means."""
    return resolve.resolve(str(genai.folder / "tiny.yaml"), overrides=[f"output={genai.folder}/runs", *overrides])


def examined(genai, *overrides: str) -> repair.Damage:
    return repair.examine(target(genai, *overrides), lambda done, of: None)


def run_again(genai, *overrides: str):
    """What `genai run` does, in this process."""
    asked = target(genai, *overrides)
    return drive(survey(asked.spec, asked.store), LocalCrew(), EventLog(asked.store, "r"))


def state_of(genai) -> dict[str, tuple[int, int]]:
    """Of each part: which file it is, and when it was written."""
    return {p.name: (p.stat().st_ino, p.stat().st_mtime_ns) for p in (folder(genai) / "data").iterdir()}


def test_a_wish_that_an_earlier_run_stops_does_not_stop_a_repair(copied):
    """It was for a driver that has ended before it looked."""
    asked = target(copied)
    stop.ask(asked.store, asked.run_id)
    (folder(copied) / "data/part-00001.parquet").unlink()
    assert copied.json("repair", "tiny.yaml", "--crew", "local")["again"] == ["part-00001.parquet"]


def test_what_is_missing_or_damaged_is_made_again_and_nothing_else(copied):
    """Two parts deleted, one byte flipped in a third: three are named, three are made, all others stay as they are."""
    data, digest = folder(copied) / "data", json.loads((folder(copied) / "manifest.json").read_text())["digest"]
    manifest = (folder(copied) / "manifest.json").read_bytes()
    before = state_of(copied)
    struck = ["part-00001.parquet", "part-00003.parquet", "part-00006.10-rows.parquet"]
    (data / struck[0]).unlink()
    (data / struck[2]).unlink()
    flip(data / struck[1])

    told = json.loads(copied("verify", "tiny.yaml", "--deep", "--json", code=1).stdout)
    assert [p["part"] for p in told["problems"]] == struck
    assert [p["kind"] for p in told["problems"]] == ["missing", "bytes", "missing"]
    assert told["upstream"] is True

    done = copied.json("repair", "tiny.yaml", "--crew", "local")
    after = state_of(copied)
    assert sorted(done["again"]) == struck
    assert {name for name in before if before[name] != after[name]} == set(struck)
    assert (folder(copied) / "manifest.json").read_bytes() == manifest
    assert done["digest"] == digest

    for part in json.loads(manifest)["parts"]:
        assert hashlib.sha256((folder(copied) / part["name"]).read_bytes()).hexdigest() == part["sha256"]
    assert sum(pq.read_table(path).num_rows for path in data.iterdir()) == 250
    count, distinct = duckdb.sql(f"SELECT count(*), count(DISTINCT index) FROM '{data}/*.parquet'").fetchall()[0]
    assert (count, distinct) == (250, 250)


def test_all_that_a_dataset_was_made_from_is_made_again(copied):
    """A bit flipped in the weights and one in the training rows, a part gone, and no marker: all come back."""
    model, block = folder(copied, "checkpoints") / "model.safetensors", folder(copied, "prepared") / "train-00000.arrow"
    part = folder(copied) / "data/part-00002.parquet"
    whole = {path: path.read_bytes() for path in (model, block, part)}
    flip(model, 5000)
    flip(block, 5000)
    part.unlink()
    (folder(copied) / "_SUCCESS").unlink()

    damage = examined(copied)
    assert [problem.kind for problem in damage.problems] == ["marker", "missing", "prepared", "checkpoint"]
    repair.forget(damage)
    run_again(copied)

    assert {path: path.read_bytes() for path in whole} == whole
    assert examined(copied).problems == ()


def test_an_interrupted_repair_shows_no_whole_dataset_and_goes_on(copied):
    """What is forgotten is missing, so `genai run` makes it: to the digest that it had."""
    key, digest = folder(copied).name, examined(copied).manifest.digest
    (folder(copied) / "data/part-00004.parquet").unlink()
    flip(folder(copied) / "data/part-00005.parquet")
    damage = examined(copied)
    repair.forget(damage)

    assert ledger.sealed(damage.store, key) is None
    assert len(survey(damage.found.spec, damage.store).receipts) == 5
    again = examined(copied)
    assert [problem.kind for problem in again.problems] == ["marker", "missing", "bytes"]
    assert run_again(copied).digest == digest
    assert examined(copied).problems == ()


def test_an_interrupted_repair_of_what_is_above_a_dataset_goes_on(copied):
    """Without checkpoint and index the dataset is still known, by the result of the run."""
    flip(folder(copied, "checkpoints") / "config.json")
    flip(folder(copied, "prepared") / "train-00000.arrow")
    repair.forget(examined(copied))

    again = examined(copied)

    assert survey(again.found.spec, again.store).dataset_key is None
    assert again.manifest.key == folder(copied).name
    assert again.of("prepared")
    assert run_again(copied).digest == again.manifest.digest
    assert examined(copied).problems == ()


def test_a_part_that_comes_out_otherwise_is_not_published(copied):
    """As on another processor: the part, both digests and the versions are named, and the old manifest stays."""
    manifest = examined(copied).manifest
    part = manifest.parts[0]
    other = replace(part, sha256="f" * 64, content="e" * 64)
    promised = replace(manifest, parts=(other, *manifest.parts[1:])).to_json()
    (folder(copied) / "manifest.json").write_bytes(promised)

    told = copied("repair", str(folder(copied)), "--crew", "local", code=1).stderr

    for said in (part.name, part.sha256, "f" * 64, "its pixels differ", "torch"):
        assert said in told
    assert (folder(copied) / "manifest.json").read_bytes() == promised
    again = repair.examine(resolve.resolve(str(folder(copied))), lambda done, of: None)
    assert [problem.kind for problem in again.problems] == ["marker", "bytes"], "the same command would go on"


def test_a_checkpoint_that_comes_out_otherwise_ends_the_repair(copied):
    """The dataset says that it was drawn from another checkpoint than training gives here: the driver is stopped."""
    damage = examined(copied)
    store, other = damage.store, "c" * 64
    key = layout.generate_key(damage.found.spec, other, damage.manifest.plan.weights)
    text = (folder(copied) / "manifest.json").read_text()
    text = text.replace(damage.manifest.checkpoint, other).replace(damage.manifest.key, key)
    result = layout.run(layout.run_id(damage.found.spec), "result.json")
    store.put(result, store.get(result).replace(damage.manifest.key.encode(), key.encode()))
    shutil.move(folder(copied), folder(copied).with_name(key))
    store.put(layout.dataset(key), text.encode())
    store.delete(layout.checkpoint(damage.found.train_key))

    told = copied("repair", "tiny.yaml", "--crew", "local", code=1).stderr

    assert "found a checkpoint of another digest where it was made again" in told
    assert "torch" in told
    assert store.get(layout.dataset(key)) == text.encode()


@pytest.mark.parametrize("count", ["100", "1000", "{per_class: 7}"])
def test_a_dataset_is_repaired_as_its_manifest_says(copied, count):
    """Whatever count the job file says by now."""
    (folder(copied) / "data/part-00006.10-rows.parquet").unlink()
    damage = examined(copied, f"generate.count={count}")
    assert damage.manifest.plan.count == 250
    assert damage.of("missing") == ("part-00006.10-rows.parquet",)
    spec = repair.maker(damage)
    assert spec.generate.count == 250
    repair.forget(damage)
    found = survey(spec, damage.store)
    assert drive(found, LocalCrew(), EventLog(damage.store, "r")).to_json() == damage.manifest.to_json()


def test_receipts_and_marker_are_written_anew_without_a_run(copied):
    """Where the bytes are right, nothing is made again."""
    before = state_of(copied)
    (folder(copied) / "receipts/part-00002.parquet.json").unlink()
    (folder(copied) / "receipts/part-00009.parquet.json").write_bytes(b"{}")
    (folder(copied) / "_SUCCESS").write_bytes(b"{}")
    (folder(copied) / "data/part-00009.parquet.tmp").write_bytes(b"foreign")
    damage = examined(copied)
    assert damage.of("receipt", "marker") == ("_SUCCESS", "part-00002.parquet", "receipts/part-00009.parquet.json")

    assert repair.mend(damage, "nobody", "", lambda event: None) == 0

    assert [problem.kind for problem in examined(copied).problems] == ["foreign"]
    assert {name: state_of(copied)[name] for name in before} == before


def test_nobody_repairs_what_somebody_is_at_work_on(copied):
    """Nothing is forgotten before that is known."""
    (folder(copied) / "data/part-00002.parquet").unlink()
    damage = examined(copied)
    leases = Leases(damage.store, "tiny-0123456789ab")
    leases.take(damage.manifest.key)
    with pytest.raises(LeaseHeld, match="tiny-0123456789ab"):
        repair.mend(damage, "nobody", "", lambda event: None)
    assert (folder(copied) / "_SUCCESS").exists()
    leases.release()


def test_a_moved_folder_is_repaired_where_it_is(copied, finished):
    """Its runs say where it was; the driver is sent to where it was found."""
    run = next((copied.folder / "runs/tiny/runs").iterdir())
    (folder(copied) / "data/part-00002.parquet").unlink()
    damage = repair.examine(resolve.resolve(str(run)), lambda done, of: None)
    assert damage.found.spec.output == str(finished.folder / "runs")
    assert layout.job_store(repair.maker(damage)).uri == damage.store.uri


def test_a_run_that_makes_another_dataset_by_now_repairs_none(copied):
    """Its seed is another one."""
    (folder(copied) / "data/part-00002.parquet").unlink()
    damage = examined(copied)
    other = survey(target(copied, "seed=1").spec, damage.store)
    with pytest.raises(InputError, match="makes another dataset by now"):
        repair.maker(repair.Damage(other, damage.manifest, damage.problems, None))


def test_files_that_were_touched_since_are_no_damage(copied):
    """The same data prepared under another key: the run would prepare it again, nothing is missing."""
    there = folder(copied, "prepared")
    shutil.move(there, there.with_name("f" * 16))
    damage = examined(copied)
    assert damage.problems == ()
    shutil.rmtree(there.with_name("f" * 16))
    assert [problem.kind for problem in examined(copied).problems] == ["prepared"]


@pytest.mark.parametrize("remains", [True, False])
def test_a_dataset_that_was_never_sealed_is_left_to_run(copied, remains):
    """`genai repair` says so; with nothing there at all, too."""
    (folder(copied) / "manifest.json").unlink()
    if not remains:
        shutil.rmtree(copied.folder / "runs")
    with pytest.raises(InputError, match="`genai run`"):
        examined(copied)


def typed(capsys, *args: str) -> tuple[int, str, str]:
    """The command in this process: exit code, standard output, standard error."""
    with pytest.raises(SystemExit) as ended:
        cli.main(list(args))
    out = capsys.readouterr()
    return int(ended.value.code), out.out, out.err


def test_a_dry_run_says_what_would_be_done_and_does_nothing(copied, capsys):
    """Neither the marker nor a receipt goes."""
    (folder(copied) / "data/part-00002.parquet").unlink()
    before = {path: path.stat().st_mtime_ns for path in (copied.folder / "runs").rglob("*")}

    code, out, _ = typed(capsys, "repair", str(folder(copied)), "--dry-run")

    assert code == 0
    assert "part-00002.parquet: not there" in out
    assert "1 to repair, 1 to be made again" in out
    assert {path: path.stat().st_mtime_ns for path in (copied.folder / "runs").rglob("*")} == before


def test_garbage_is_shown_and_removed_only_when_asked_for(copied, capsys):
    """A part of no manifest: `gc` names it with its reason, `gc --delete` leaves a dataset without a problem."""
    stray = folder(copied) / "data/part-00099.parquet"
    stray.write_bytes(b"stray")
    output = str(copied.folder / "runs")

    code, out, _ = typed(capsys, "gc", "--output", output)
    assert (code, stray.exists()) == (0, True)
    assert "1 object(s), 0.0 MB; the manifest does not name them" in out
    assert "--delete removes them" in out

    code, out, _ = typed(capsys, "gc", "tiny", "--output", output, "--delete", "--json")
    told = json.loads(out)
    assert (code, told["removed"], told["objects"], stray.exists()) == (0, True, 1, False)
    assert examined(copied).problems == ()


def test_collecting_in_an_output_that_is_not_there(tmp_path, capsys):
    """One line, and the exit code of bad input."""
    code, out, err = typed(capsys, "gc", "--output", str(tmp_path / "nowhere"))
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert "found no run of any job" in err
