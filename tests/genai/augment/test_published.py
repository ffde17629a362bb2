"""A published dataset as the synthetic side: sealed or refused, streamed from a folder or S3, damages named."""

import json
import shutil
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from torch.utils.data import DataLoader

import genai.augment.files
from genai.augment import Augmented
from genai.augment.files import Folder, open_files
from genai.augment.published import Published
from genai.errors import InputError, IntegrityError
from genai.formats.parquet import Parquet
from genai.identity import sha256
from genai.sources import open_source
from jobs.stores import open_store
from tests.genai.augment.made import REAL, Noted, plain, read, real_rows, sealed


@pytest.fixture
def own(published, tmp_path):
    """A copy of the dataset, to be changed."""
    return Path(shutil.copytree(published, tmp_path / "own"))


def changed(folder, change):
    """The manifest with a change, sealed again."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    change(manifest)
    data = json.dumps(manifest).encode()
    (folder / "manifest.json").write_bytes(data)
    (folder / "_SUCCESS").write_text(json.dumps({"manifest": sha256(data)}))


@pytest.mark.parametrize(
    "unseal",
    [
        lambda folder: (folder / "_SUCCESS").unlink(),
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: (folder / "manifest.json").write_bytes(b"{}"),
    ],
    ids=["no _SUCCESS", "no manifest", "another manifest"],
)
def test_a_dataset_that_is_not_sealed_is_refused(own, unseal):
    """One sentence says so, and what finishes it."""
    unseal(own)
    with pytest.raises(InputError, match=r"own: it is not sealed \(no _SUCCESS that fits its manifest\); `genai run`"):
        Augmented(str(own))


def test_a_folder_that_is_no_dataset_is_refused(tmp_path, published):
    """It says which folder is meant."""
    for folder in (tmp_path, f"{published}/data"):
        with pytest.raises(InputError, match=r"found no manifest.json; allowed: the folder of a published dataset"):
            Augmented(str(folder))


def test_opening_reads_the_manifest_and_one_footer(published):
    """Parts are looked at when it is their turn; what no manifest names is not there."""
    files = Noted(published)
    Published(published, lambda _: files)

    assert set(files.opened) == {"manifest.json", "_SUCCESS", "data/part-00000.parquet"}


def test_a_part_that_no_manifest_names_is_not_read(own):
    """One that a larger run is making, or a superseded short one."""
    shutil.copy(own / "data/part-00000.parquet", own / "data/part-00006.parquet")

    assert sorted(plain(Augmented(str(own)))) == [(i, i % 3, True) for i in range(500)]


def test_a_large_part_is_read_by_its_row_groups(tmp_path, monkeypatch):
    """Each is a block of its own, and no row of another group is held for it."""
    monkeypatch.setattr("genai.augment.published.PART_ROWS", 100)
    place = sealed(tmp_path, 250, part_rows=200, how=Parquet(group_rows=40))
    found = Published(place, Folder)

    assert (found.stops - found.starts).tolist() == [40] * 5 + [50]
    assert sorted(plain(Augmented(place, buffer=16))) == [(i, i % 3, True) for i in range(250)]


def test_row_groups_of_a_small_part_are_one_block(tmp_path):
    """And are read one by one, those of the wanted rows only."""
    place = sealed(tmp_path, 250, part_rows=200, how=Parquet(group_rows=40))
    found = Published(place, Folder)

    assert (found.stops - found.starts).tolist() == [200, 50]
    assert sorted(plain(Augmented(place, buffer=16))) == [(i, i % 3, True) for i in range(250)]


@pytest.mark.parametrize("s3_server", ["moto"], indirect=True)
def test_datasets_and_rows_are_read_from_s3(s3_uri, tmp_path):
    """Both sides, by workers of their own connections, and the same rows as from a folder."""
    sealed(tmp_path, 300)
    place, root = sealed(s3_uri, 300), real_rows(tmp_path / "real.parquet", ["cat"] * 90)
    open_store(s3_uri).put("real.parquet", Path(root).read_bytes())
    rows = Augmented(place, f"{s3_uri}/real.parquet", ratio=0.6, open_files=open_store)
    found = read(DataLoader(rows, batch_size=16, num_workers=2))

    assert sorted(found) == sorted(plain(rows))
    assert sum(flag for _, _, flag in found) == 135
    assert sorted(number for number, _, flag in found if not flag) == list(range(REAL, REAL + 90))


@pytest.mark.parametrize("s3_server", ["moto"], indirect=True)
def test_an_installed_package_opens_its_scheme(s3_uri, monkeypatch):
    """By an entry point, so three lines do for s3://, though this package knows no network."""
    entries = EntryPoints([EntryPoint("s3", "jobs.stores:open_store", "genai.files")])
    monkeypatch.setattr(genai.augment.files, "entry_points", lambda group: entries.select(group=group))

    assert len(Augmented(sealed(s3_uri, 60))) == 60


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda part: part.unlink(), "data/part-00002.parquet: it is gone; `genai repair` makes it again"),
        (lambda part: part.write_bytes(b"PAR1"), "part-00002.parquet: it has 4 bytes, the manifest says"),
        (lambda part: part.write_bytes(bytes(part.stat().st_size)), "part-00002.parquet: not a readable Parquet file"),
        (lambda part: shutil.copy(part.with_name("part-00003.parquet"), part), "part-00002.parquet"),
    ],
    ids=["gone", "short", "no Parquet", "another part"],
)
def test_a_damaged_part_is_named(own, damage, says):
    """When it is its turn, with what mends it."""
    part = own / "data/part-00002.parquet"
    damage(part)
    with pytest.raises(IntegrityError, match=f"{own}/data/{says}" if says[:4] == "part" else says):
        list(Augmented(str(own)))


def test_a_sample_that_cannot_be_decoded_names_its_row(own):
    """In a part that is a part otherwise."""
    part = own / "data/part-00001.parquet"
    table = pq.read_table(part)
    cells = table["image"].to_pylist()
    cells[17]["bytes"] = b"no image"
    pq.write_table(table.set_column(0, table.field("image"), pa.array(cells, table.field("image").type)), part)
    changed(own, lambda manifest: manifest["parts"][1].update(bytes=part.stat().st_size))
    with pytest.raises(IntegrityError, match=r"own/data/part-00001.parquet row 17: not a usable image.*`genai repair`"):
        list(Augmented(str(own)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m.update(version=2), "found version 2, this program reads 1"),
        (lambda m: m["parts"].pop(1), "its parts do not follow one another"),
        (
            lambda m: m["parts"][0].update(name="data/../../secret.parquet"),
            "found the part 'data/../../secret.parquet'",
        ),
        (lambda m: m["parts"][0].update(name="data/part-00000.csv"), "allowed here: .parquet"),
        (lambda m: m["parts"][0].update(stop=True), "a part has no rows"),
        (lambda m: m["plan"].update(weights=[1 << 62, 1, 1]), "its weights are not those of its classes"),
        (lambda m: m.update(classes=["cat", "cat", "dog"]), "its classes are no names, or not all different"),
        (lambda m: m.pop("classes"), "classes"),
    ],
    ids=["version", "gap", "path", "format", "type", "weights", "names", "key"],
)
def test_a_manifest_that_is_none_is_refused(own, change, says):
    """Before it leads anywhere."""
    changed(own, change)
    with pytest.raises(IntegrityError, match=f"own: its manifest cannot be read .*{says}"):
        Augmented(str(own))


def test_labels_that_are_not_those_of_the_plan_are_refused(own):
    """Or counts by class would be wrong without a word."""
    changed(own, lambda manifest: manifest["plan"].update(weights=[2, 1, 0]))
    with pytest.raises(
        IntegrityError, match=r"part-0000\d.parquet row \d+: found the label '\w+', the manifest says '\w+'"
    ):
        list(Augmented(str(own)))


def test_a_part_of_other_rows_than_the_manifest_says_is_refused(own):
    """Before any of them is given."""
    changed(own, lambda manifest: manifest["parts"][5].update(stop=499))
    with pytest.raises(IntegrityError, match=r"part-00005.50-rows.parquet: it has 50 rows, the manifest says 49"):
        list(Augmented(str(own)))


def test_a_folder_lists_as_a_store_does(published, tmp_path):
    """Same keys in the same order, from any prefix; so a source reads the same from both."""
    (tmp_path / "a").mkdir()
    for name in ("a/b.png", "a.png", "aa.png", "Z.png"):
        (tmp_path / name).write_bytes(b"x")
    for root, prefix in ((tmp_path, ""), (tmp_path, "a"), (tmp_path, "a/"), (Path(published), "data/part-0000")):
        ours = [(entry.key, entry.size, entry.version) for entry in Folder(str(root)).list(prefix)]
        assert ours == [(e.key, e.size, e.version) for e in open_store(str(root)).list(prefix)]
        assert ours


def test_paths_are_those_of_this_machine(tmp_path, monkeypatch):
    """Relative, in the home, or as a file URI."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b/x.png").write_bytes(b"x")

    for uri in ("a b", "~/a b", (tmp_path / "a b").as_uri()):
        assert [entry.key for entry in open_files(uri).list()] == ["x.png"]
    assert len(open_source("a b/x.png", None, open_files).entries()) == 1
