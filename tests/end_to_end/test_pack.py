"""A dataset that is carried as a recipe, by the commands of `docs/pack.md`."""

import json
import re
import shlex
from pathlib import Path
from shutil import copytree, rmtree

import pytest

PAGE = Path(__file__).parents[2] / "docs/pack.md"
UNEVEN = "{classes: {'3': 30, '7': 10}}"


def commands():
    """Those that the page shows, without `genai`."""
    return [
        shlex.split(block)[1:] for block in re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    ]


def parts(folder):
    """Each part by its name, as bytes."""
    return {path.name: path.read_bytes() for path in Path(folder).glob("datasets/*/data/*")}


@pytest.fixture
def packed(finished, genai, tmp_path):
    """A folder with nothing but a recipe, which says where the weights were."""
    home = type(finished)(tmp_path / "home")
    copytree(finished.folder, home.folder)
    pack = commands()[0]
    home(*[word.replace("job.yaml", "tiny.yaml") for word in pack])
    (home.folder / "recipe.json").rename(genai.folder / "recipe.json")
    return genai


def weights(made):
    return Path(json.loads((made.folder / "recipe.json").read_text())["model"]["checkpoint"])


def test_a_recipe_makes_the_same_bytes_elsewhere(packed, finished):
    """From less than 20 kB, without training; also from a copy of the weights when their place is gone."""
    assert (packed.folder / "recipe.json").stat().st_size < 20_000
    run, copied, sliced = (command for command in commands()[1:])
    assert "equal to what was packed" in packed(*run, "--crew", "local").stdout
    copytree(weights(packed), packed.folder / "weights")
    rmtree(weights(packed))
    packed(*copied, "--crew", "local")

    wanted = parts(finished.folder / "runs/tiny")
    assert parts(packed.folder / "runs/tiny") == wanted
    assert parts(packed.folder / "copy/tiny") == wanted
    packed(*[word.replace("5000:6000", "40:90") for word in sliced])
    found = {path.name: path.read_bytes() for path in (packed.folder / "slice").iterdir()}
    assert found.pop("part-00001.parquet") == wanted["part-00001.parquet"]
    assert list(found) == ["part-00002.80-90.parquet"]


def test_weights_that_are_gone_are_named_by_their_digest(packed):
    """Exit code 2, and nothing is begun."""
    digest = json.loads((packed.folder / "recipe.json").read_text())["model"]["digest"]
    rmtree(weights(packed))

    assert digest in packed("run", "recipe.json", "--crew", "local", code=2).stderr
    assert not (packed.folder / "runs").exists()


def test_other_weights_are_refused(packed):
    """Whatever a job trained: the digest is another."""
    recipe = json.loads((packed.folder / "recipe.json").read_text())
    recipe["model"]["digest"] = "0" * 64
    (packed.folder / "recipe.json").write_text(json.dumps(recipe))

    assert f"asked is {'0' * 64}" in packed("run", "recipe.json", "--crew", "local", code=2).stderr


def test_samples_that_differ_from_what_was_packed_are_told(packed):
    """With the versions of both sides; exit code 1."""
    recipe = json.loads((packed.folder / "recipe.json").read_text())
    recipe["packed"] |= {"digest": "0" * 64, "versions": {"torch": "1.0"}}
    (packed.folder / "recipe.json").write_text(json.dumps(recipe))
    done = packed("run", "recipe.json", "--crew", "local", code=1)

    assert "NOT equal to what was packed" in done.stdout
    assert "those that were packed (torch 1.0): here it is genai" in done.stderr


@pytest.mark.soak
def test_a_dataset_of_uneven_classes_can_be_packed(packed):
    """As numbers by class: the rows that they were counted by are not there."""
    packed("run", "recipe.json", "--crew", "local", "--set", f"generate.count={UNEVEN}", "--set", "output=uneven")
    packed("pack", "recipe.json", "--set", f"generate.count={UNEVEN}", "--set", "output=uneven", "-o", "uneven.json")
    said = json.loads((packed.folder / "uneven.json").read_text())

    assert said["generate"]["count"] == {"classes": {"3": 30, "7": 10}}
    assert "equal to what was packed" in packed("run", "uneven.json", "--crew", "local").stdout
