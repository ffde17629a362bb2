"""The JSON Schema takes what `load` takes."""

import jsonschema
import pytest
import yaml

from jobs.schema import json_schema
from jobs.spec import load

SHORTEST = {"name": "digits", "output": "runs", "data": {"source": "sklearn://digits"}}


@pytest.fixture(scope="module")
def validator():
    return jsonschema.Draft202012Validator(json_schema())


GOOD = [
    {},
    {"model": "vae"},
    {"model": {"family": "vae", "latent": 3}},
    {"model": {"depth": 3}},
    {"model": {"family": "their_package.module:Class", "anything": 1}},
    {"generate": {"sampler": {"steps": 3}}},
    {"generate": {"labels": [0, "a"], "count": {"per_class": 3}}},
    {"data": {"source": ["a", "b"], "modality": {"kind": "image", "size": [8, 8]}}},
    {"train": {"workers": {"count": 2}, "steps": 3}},
]
BAD = [
    {"nam": 1},
    {"name": "../up"},
    {"model": "flaw"},
    {"model": {"family": "vae", "depth": 3}},
    {"model": {"depth": 0}},
    {"model": "vae", "generate": {"sampler": {"steps": 3}}},
    {"generate": {"sampler": {"stepz": 3}}},
    {"generate": {"count": {"per_class": 0}}},
    {"data": {"source": "a", "modality": {"kind": "image", "size": 0}}},
    {"train": {"steps": "7"}},
]


@pytest.mark.parametrize("change", GOOD, ids=str)
def test_an_editor_takes_what_is_right(validator, change):
    """Each way to say a kind, a count or a list is in the schema."""
    validator.validate({**SHORTEST, **change})


@pytest.mark.parametrize("change", BAD, ids=str)
def test_an_editor_refuses_what_is_wrong(validator, change):
    """Unknown keys, values beyond bounds and another family's fields are marked."""
    assert not validator.is_valid({**SHORTEST, **change})


def test_the_schema_is_one(validator):
    """It follows its own draft."""
    jsonschema.Draft202012Validator.check_schema(validator.schema)


def test_a_job_fully_said_passes(validator):
    """What `to_yaml` writes is right for an editor, too."""
    validator.validate(yaml.safe_load(load("job.yaml", yaml.safe_dump(SHORTEST)).to_yaml()))


def test_every_field_of_a_part_is_described(validator):
    """The descriptions are the reference: none is missing."""
    parts = [part for name, part in validator.schema["$defs"].items() if name != "Model"]
    bare = [
        name
        for part in [validator.schema, *parts]
        for name, field in part["properties"].items()
        if not {"description", "$ref"} & set(field)  # a part describes itself
    ]

    assert bare == []
