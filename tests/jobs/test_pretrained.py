"""A pretrained pipeline: its checkpoint has digests and no weights, and samples hang on its files alone."""

import io
import json
import shutil

import click
import numpy as np
import pytest
from datasets import load_dataset
from PIL import Image

from genai.checkpoint import Checkpoint
from genai.errors import DataError, InputError, IntegrityError
from jobs import layout, pretrained
from jobs.cli import main
from jobs.draw import sample
from jobs.driver import drive
from jobs.events import EventLog
from jobs.pack import equal, recipe
from jobs.spec import load
from jobs.survey import survey
from jobs.verify import made_by, upstream
from tests.pipelines import save_pictures, save_words
from workers.local import LocalCrew

MODELS = {
    "words": "{family: transformers, pipeline: 'PLACE', new_tokens: 6, length: 24, prompt_tokens: 20}",
    "pictures": "{family: diffusers, pipeline: 'PLACE'}",
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The folder of each pipeline."""
    root = tmp_path_factory.mktemp("pipelines")
    return {"words": save_words(root / "words"), "pictures": save_pictures(root / "pictures")}


@pytest.fixture(params=["words", "pictures"])
def kind(request):
    return request.param


def job(kind, place, output, *overrides):
    steps = ", sampler: {steps: 3}" if kind == "pictures" else ""
    text = f"""\
name: given
output: {output}
model: {MODELS[kind].replace("PLACE", str(place))}
generate: {{prompts: [a cat, two black dogs], count: 20, part_rows: 8, batch: 16{steps}}}
"""
    return load("job.yaml", text, overrides)


def minted(spec):
    found = survey(spec)
    return found, drive(found, LocalCrew(), EventLog(found.store, "r"))


def test_bytes_do_not_hang_on_minters_or_neighbours(kind, saved, tmp_path):
    """Parts of other sizes have the same rows, and so has a sample that is drawn alone."""
    found, manifest = minted(job(kind, saved[kind], tmp_path / "a"))
    _, other = minted(job(kind, saved[kind], tmp_path / "b", "generate.part_rows=20"))
    rows = [
        load_dataset("parquet", data_dir=str(tmp_path / each / "given/datasets" / key / "data"), split="train")
        for each, key in (("a", manifest.key), ("b", other.key))
    ]
    name = {"words": "text", "pictures": "image"}[kind]
    one, two = ([np.array(row[name]).tolist() for row in each] for each in rows)
    assert one == two
    assert len({str(each) for each in one}) > 10
    assert sample(found, 17).equal


def test_pictures_are_read_back(saved, tmp_path):
    """By another library, with the prompt beside each."""
    spec = job("pictures", saved["pictures"], tmp_path, "generate.count=4", "model.size=[16,32]")
    found, manifest = minted(spec)
    place = layout.dataset_place(found.store, manifest.key)
    rows = load_dataset("parquet", data_dir=f"{place}/data", split="train")
    assert rows["prompt"] == ["a cat", "two black dogs"] * 2
    shown = io.BytesIO(sample(found, 3).cell)
    assert Image.open(shown).size == rows[3]["image"].size == (32, 16)


def test_a_finished_run_is_known_without_reading_the_weights(saved, tmp_path, monkeypatch):
    """By what its files were when they were listed so."""
    spec = job("words", saved["words"], tmp_path)
    minted(spec)
    monkeypatch.setattr(pretrained, "sha256_of", None)
    assert survey(spec).finished


def test_its_dataset_is_verified_and_packed(saved, tmp_path):
    """With the checkpoint that it was made from; the recipe makes the same dataset again."""
    found, manifest = minted(job("words", saved["words"], tmp_path))
    assert made_by(found, manifest)
    assert list(upstream(found, manifest)) == []
    packed = load("recipe.json", recipe(found), [f"output={tmp_path / 'again'}"])
    again, _ = minted(packed)
    assert equal(again)


def test_a_recipe_has_the_prompts_that_were_read(saved, tmp_path):
    """Their file may not be there elsewhere, and the dataset is the same."""
    (tmp_path / "asked.csv").write_text("animal\ncat\ndog\n")
    prompts = f"generate.prompts={{source: '{tmp_path}/asked.csv', text: 'a {{animal}}'}}"
    found, _ = minted(job("words", saved["words"], tmp_path, prompts))
    (tmp_path / "asked.csv").unlink()
    packed = load("recipe.json", recipe(found), [f"output={tmp_path / 'again'}"])

    assert packed.generate.prompts == ["a cat", "a dog"]
    assert equal(minted(packed)[0])


def test_a_recipe_takes_its_pipeline_from_elsewhere(saved, tmp_path, capsys):
    """By `--weights`, as it would take a checkpoint."""
    place = shutil.copytree(saved["words"], tmp_path / "first")
    found, _ = minted(job("words", place, tmp_path))
    (tmp_path / "recipe.json").write_bytes(recipe(found))
    place.rename(tmp_path / "moved")
    words = ["run", str(tmp_path / "recipe.json"), "--dry-run", "--json", "--set", f"output={tmp_path}"]
    with pytest.raises(DataError):
        click.Group.main(main, words, standalone_mode=False)
    click.Group.main(main, [*words, "--weights", str(tmp_path / "moved")], standalone_mode=False)

    assert found.dataset_key in capsys.readouterr().out


def test_a_pipeline_that_is_gone_says_what_is_looked_for(saved, tmp_path):
    """By its digest, as a recipe has it, and where it may be said to be instead."""
    spec = job("words", tmp_path / "nowhere", tmp_path, f"model.digest={'a' * 64}")
    with pytest.raises(DataError, match=f"found nothing at .*nowhere.*of the digest {'a' * 64} .*--weights"):
        survey(spec)


def test_the_same_files_elsewhere_are_the_same_checkpoint(saved, tmp_path):
    """And what lies beside them is no part of it."""
    shutil.copytree(saved["words"], tmp_path / "copy")
    (tmp_path / "copy/README.md").write_text("of a cat")
    one, two = (survey(job("words", place, tmp_path)).pinned for place in (saved["words"], tmp_path / "copy"))
    assert one.metrics == two.metrics


def test_other_files_are_another_checkpoint_and_stop_a_minter(saved, tmp_path):
    """Which would else draw something else under the same name."""
    place = shutil.copytree(saved["words"], tmp_path / "copy")
    found, _ = minted(job("words", place, tmp_path))
    config = json.loads((place / "generation_config.json").read_bytes())
    (place / "generation_config.json").write_text(json.dumps(config | {"max_length": 3}))
    assert survey(found.spec).pinned.metrics["digest"] != found.checkpoint
    with pytest.raises(IntegrityError, match=r"generation_config\.json: found digest"):
        sample(found, 0)


def test_from_object_storage(saved, tmp_path, moto_s3, monkeypatch):
    """As from a folder."""
    from jobs.stores import open_store

    uri = moto_s3.use(monkeypatch)
    store = open_store(f"{uri}/words")
    for file in saved["words"].iterdir():
        store.put(file.name, file.read_bytes())
    _, there = minted(job("words", store.uri, tmp_path / "a"))
    _, here = minted(job("words", saved["words"], tmp_path / "b"))
    assert there.digest == here.digest


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("pytorch_model.bin", b"", r"found pickled weights.*model\.safetensors"),
        ("unet/weights.ckpt", b"", "found pickled weights"),
        ("pipeline.py", b"", "found code"),
        ("config.json", b'{"auto_map": {"AutoModel": "x.Y"}}', "auto_map, which asks for code"),
        ("config.json", b'{"architectures": ["WhisperForConditionalGeneration"]}', "allowed: a causal language model"),
        ("config.json", b'{"architectures": 3}', "its configs cannot be used"),
        ("config.json", b"[]", "found no mapping"),
        ("config.json", b"{", "cannot be read"),
    ],
)
def test_what_may_run_and_what_is_none_is_refused(saved, tmp_path, name, data, told):
    """Before anything is fetched, with the file's name."""
    place = shutil.copytree(saved["words"], tmp_path / "copy")
    (place / name).parent.mkdir(exist_ok=True)
    (place / name).write_bytes(data)
    with pytest.raises(InputError, match=told):
        survey(job("words", place, tmp_path))


def test_a_checkpoint_without_its_files_says_so(saved, tmp_path):
    """Where another program has it, as a training script."""
    pipeline = survey(job("words", saved["words"], tmp_path)).pinned
    with pytest.raises(InputError, match="without its files"):
        Checkpoint.from_files(pipeline.files, pipeline.metrics["digest"]).network()
