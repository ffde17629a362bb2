"""Files of exports, read back by the programs that they are for."""

import io
import json
import tarfile
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
import safetensors.numpy
from PIL import Image as Pillow

from genai import exports
from genai.errors import InputError
from genai.exports import Export
from genai.modalities.audio import Audio
from genai.modalities.image import Image
from genai.modalities.text import Text
from genai.registry import find, names

KINDS = names(exports)


def made(kind, piece, **fields):
    """What a kind makes of a piece."""
    return dict(find(exports, kind, Export)(**fields).files(piece))


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_piece_gives_the_same_files(kind, piece):
    """To the byte, and each name says its split, so that splits never write over each other."""
    files = made(kind, piece)
    assert files == made(kind, piece)
    other = made(kind, replace(piece, split="test"))
    assert set(files) & set(other) <= {"classes.json"}


@pytest.mark.parametrize("kind", KINDS)
def test_no_name_leads_out_of_the_place(kind, piece):
    """Whatever the classes are called, also where it refuses them."""
    about = replace(piece.about, classes=("../up", "/etc", "a/b", "..", "", "c\0", "d", "e", "f", "g"))
    odd = replace(piece, about=about)
    if kind in ("files", "images"):
        with pytest.raises(InputError, match=r"'\.\./up'"):
            made(kind, odd)
    else:
        assert all(".." not in name and not name.startswith("/") for name in made(kind, odd))


def test_an_image_folder_has_each_image_in_the_folder_of_its_class(piece):
    """As ImageFolder reads it."""
    files = made("images", piece)
    assert len(files) == 40
    for row, (index, label) in enumerate(zip(piece.samples.indices, piece.samples.labels, strict=True)):
        data = files[f"train/{piece.about.classes[label]}/{index:09d}.png"]
        assert (np.array(Pillow.open(io.BytesIO(data))) == piece.samples.arrays[row, :, :, 0]).all()


def test_a_webdataset_has_image_class_and_facts_of_each_sample(piece):
    """Read by tarfile; members carry nothing of this machine."""
    ((name, data),) = made("webdataset", piece).items()
    assert name == "train-00001.tar"
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert {(m.mtime, m.uid, m.uname, m.mode) for m in tar} == {(0, 0, "", 0o644)}
        assert int(tar.extractfile("000000103.cls").read()) == piece.samples.labels[3]
        said = json.loads(tar.extractfile("000000103.json").read())
    assert said == {"checkpoint": "c" * 64, "index": 103, "label": "three", "synthetic": True}


@pytest.mark.parametrize("kind", ["npy", "safetensors"])
def test_raw_tensors_are_the_samples(kind, piece):
    """By NumPy and by safetensors."""
    files = made(kind, piece)
    raw = kind == "safetensors" and safetensors.numpy.load(files["train-00001.safetensors"])
    for name in ("arrays", "indices", "labels"):
        found = raw[name] if raw else np.load(io.BytesIO(files[f"train-00001.{name}.npy"]))
        assert (found == getattr(piece.samples, name)).all()


def test_parquet_lies_in_the_folder_of_its_split(piece):
    """With the columns of a part."""
    ((name, data),) = made("parquet", piece, partition="split").items()
    assert name == "split=train/part-00001.parquet"
    assert pq.read_table(io.BytesIO(data))["index"].to_pylist() == list(range(100, 140))


def test_a_folder_of_a_date_is_one_that_hive_reads():
    """Characters that a folder cannot have are escaped as Hive does."""
    kind = find(exports, "parquet", Export)
    assert kind(partition="date").folder("2026-11-26") == "date=2026-11-26"
    assert kind(partition="date").folder("2026-11-26T06:00:00Z") == "date=2026-11-26T06%3A00%3A00Z"


def test_images_are_made_of_images_only():
    """The same files of other rows are another kind's."""
    with pytest.raises(InputError, match=r"rows that are recordings; allowed: files"):
        find(exports, "images", Export)().fits(Audio())
    find(exports, "images", Export)().fits(Image())
    find(exports, "files", Export)().fits(Audio())


SOUND = Audio(rate=4000, seconds=0.1, channels=1)
FILES = [
    (Image((2, 2), "L"), "png", "image"), (SOUND, "wav", "audio"), (replace(SOUND, file="flac"), "flac", "audio"),
    (Text(length=3), "txt", "string"),
]  # fmt: skip


@pytest.mark.parametrize(("modality", "name", "kind"), FILES)
def test_the_card_of_tars_says_what_their_files_are(modality, name, kind):
    """By the ending, which is the column's name."""
    card = find(exports, "webdataset", Export)().card((), modality, ())
    assert card["dataset_info"]["features"][0] == {"name": name, "dtype": kind}


def test_folders_by_what_the_job_lacks_are_refused():
    """Splits that it does not say, or a date that it has not."""
    kind = find(exports, "parquet", Export)
    with pytest.raises(InputError, match="partition: split in a job without splits"):
        kind(partition="split").ask(None, None)
    with pytest.raises(InputError, match="give a --logical-date"):
        kind(partition="date").ask({"train": 1.0}, None)
