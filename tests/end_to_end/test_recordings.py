"""Recordings from a table to a published dataset, in one process, read back by those who know sound."""

import io
from pathlib import Path

import mlcroissant
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from datasets import Audio, Features
from datasets.info import DatasetInfosDict
from huggingface_hub import DatasetCard

from genai.augment import Augmented, Drawn
from genai.errors import InputError
from jobs import layout
from jobs.describe import describe
from jobs.driver import run
from jobs.events import EventLog
from jobs.resolve import resolve
from jobs.survey import survey
from jobs.verify import verify
from workers.local import LocalCrew

pytestmark = [  # mlcroissant's own
    pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib.*"),
    pytest.mark.filterwarnings("ignore:The inplace keyword"),
]
JOB = """\
name: tones
output: {folder}/runs
data: {{source: "{source}", modality: {{kind: audio, bands: 16, hop: 0.016}}}}
model: {{family: vae, backbone: dense, likelihood: gaussian, latent: 4, width: 16}}
train: {{steps: 3, batch: 16, micro_batches: 2}}
generate: {{count: 24, part_rows: 12, batch: 16}}
publish: {publish}
"""
RATE, SAMPLES = 4000, 400


def made(folder, source, publish="[]"):
    """The job in a folder, run to its end."""
    (folder / "job.yaml").write_text(JOB.format(folder=folder, source=source, publish=publish))
    found = survey(resolve(str(folder / "job.yaml"), "runs", []).spec)
    with EventLog(found.store, layout.run_id(found.spec)) as events:
        found.store.put(layout.run(layout.run_id(found.spec)), found.spec.to_yaml().encode())
        run(found, LocalCrew(), events)
    done = survey(found.spec, found.store)
    describe(done)
    return done


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A dataset of tones, published in every form that a recording has."""
    folder, files = tmp_path_factory.mktemp("tones"), []
    for number in range(60):
        sink, hertz = io.BytesIO(), (300, 900)[number % 2] + number
        wave = 0.5 * np.sin(2 * np.pi * hertz * np.arange(SAMPLES - number) / RATE)
        soundfile.write(sink, wave, RATE, "PCM_16", format="FLAC" if number % 3 else "WAV")
        files.append({"bytes": sink.getvalue(), "path": None})
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    table = pa.table({"audio": pa.array(files, kind), "label": ["low", "high"] * 30})
    pq.write_table(table, folder / "tones.parquet")
    forms = f"[webdataset, {{kind: files, to: {folder}/files}}, {{kind: delta, to: {folder}/delta}}]"
    return made(folder, folder / "tones.parquet", forms)


@pytest.fixture(scope="module")
def place(whole):
    """The dataset's folder."""
    return Path(layout.dataset_place(whole.store, whole.dataset_key))


@pytest.fixture(scope="module")
def beside(whole):
    """The folder of all that was made."""
    return Path(whole.spec.output).parent


@pytest.fixture(scope="module")
def rows(place):
    return pq.read_table(sorted((place / "data").iterdir())).to_pylist()


def heard(file):
    return soundfile.read(io.BytesIO(file), dtype="int16")


def test_the_parts_hold_recordings_of_the_longest_length(place, rows):
    """Read by soundfile; Hugging Face datasets knows the column and its rate."""
    assert {(len(heard(row["audio"]["bytes"])[0]), heard(row["audio"]["bytes"])[1]) for row in rows} == {
        (SAMPLES, RATE)
    }
    features = Features.from_arrow_schema(pq.read_schema(next((place / "data").iterdir())))
    assert features["audio"] == Audio(sampling_rate=RATE)


def test_the_card_and_the_catalogue_entry_say_that_they_are_recordings(place):
    """As the Hub and Croissant have it."""
    text = (place / "README.md").read_text()
    assert "24 synthetic recordings of 2 classes" in text
    assert DatasetCard(text).data.task_categories == ["audio-classification"]
    assert DatasetInfosDict.from_directory(str(place))["default"].features["audio"] == Audio(sampling_rate=RATE)
    entry = mlcroissant.Dataset(str(place / "croissant.json"))
    assert not list(entry.metadata.ctx.issues.errors)
    (field,) = (f for s in entry.metadata.record_sets for f in s.fields if f.id == "samples/audio")
    assert [str(kind) for kind in field.data_types] == ["https://schema.org/AudioObject"]


def test_a_folder_has_each_recording_below_its_class(beside, rows):
    """As audiofolder reads it."""
    found = {str(path.relative_to(beside / "files")): path.read_bytes() for path in (beside / "files").rglob("*.wav")}
    classes = ("high", "low")
    assert found == {f"{classes[row['label']]}/{row['index']:09d}.wav": row["audio"]["bytes"] for row in rows}


def test_every_form_is_the_same_data_for_another_job(place, beside, tmp_path):
    """Parts, tars, a folder by class and a Delta table, prepared for training."""
    forms = {
        "parts": place / "data",
        "tars": place / "webdataset",
        "files": beside / "files",
        "delta": beside / "delta",
    }
    contents = set()
    for name, form in forms.items():
        (tmp_path / name).mkdir()
        splits = made(tmp_path / name, form).prepared.splits
        contents.add(tuple((split, found.rows, found.content) for split, found in splits.items()))
    assert len(contents) == 1


def test_every_byte_can_be_checked(whole):
    """`verify --deep` decodes the rows and finds the digests that the manifest says."""
    assert verify(whole.store, whole.dataset_key, deep=True, found=whole)[1] == []


def test_a_classifier_of_pictures_is_given_none(place, beside):
    """What mixes datasets for one refuses recordings in one sentence."""
    with pytest.raises(InputError, match="recordings; allowed: images"):
        Augmented(str(place), real=str(beside / "tones.parquet"), ratio=0.5)
    (checkpoint,) = (beside / "runs/tones/checkpoints").iterdir()
    with pytest.raises(InputError, match="draws Audio; allowed: images"):
        Drawn(str(checkpoint))
