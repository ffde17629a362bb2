"""The job: checked once, all faults at once, the same from its own YAML."""

import pickle
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from genai.errors import InputError, SpecError
from genai.recipe import Recipe
from jobs.document import dump
from jobs.schema import json_schema
from jobs.spec import FAMILY, Balance, JobSpec, Match, PerClass, load

SHORTEST = "name: digits\noutput: runs\ndata: {source: 'sklearn://digits'}\n"


def faults(text, *overrides):
    with pytest.raises(SpecError) as caught:
        load("job.yaml", text, overrides)
    return list(caught.value.faults)


def test_three_lines_make_a_job():
    """All but name, source and output has a default."""
    spec = load("job.yaml", SHORTEST)

    assert spec.data.source == ["sklearn://digits"]
    assert (spec.data.split.train, spec.data.split.validation, spec.data.split.test) == (0.8, 0.1, 0.1)
    assert FAMILY.default == FAMILY.write(spec.model.family)["family"]
    assert isinstance(spec.generate.sampler, type(spec.model.family).Sampler)
    assert Recipe() == spec.train.recipe
    assert spec.generate.count == 1000


MANY = """\
nam: digits
output: 7
data:
  source: []
  split: {train: 0.5}
  modality: {kind: image, size: 0}
model: {family: flow, widht: 3}
train: {steps: 1, epochs: 1, workers: {count: 9}, batch: "7"}
generate: {workers: {min: 3, max: 2}, sampler: {steps: x}}
"""
TOLD = [
    "1:1: name: missing",
    "1:1: nam: found an unknown key, did you mean name?",
    "2:9: output: found 7",
    "4:3: data.source: found a list of 0",
    "5:3: data.split: found shares that sum to 0.7",
    "6:33: data.modality.size: found 0",
    "7:23: model.widht: found an unknown key",
    "8:16: train.steps: found steps beside epochs",
    "8:47: train.workers.count: found 9 workers",
    "8:58: train.batch: found '7', which is text",
    "9:35: generate.workers.max: found 2, below min",
    "9:56: generate.sampler.steps: found 'x'",
]


def test_twelve_faults_give_twelve_messages():
    """Faults of fields, of plug-ins and of rules over several fields come together, in the order of the file."""
    told = faults(MANY)

    assert [fault.removeprefix("job.yaml:")[: len(start)] for fault, start in zip(told, TOLD, strict=True)] == TOLD


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("name=../up", "found '../up'; allowed:"),
        ("name=" + "a" * 64, "at most 63 characters"),
        ("name=-x", "allowed: text that matches"),
        ("seed=-1", "found -1; allowed: at least 0"),
        (f"seed={2**63}", "allowed: below 9,223,372,036,854,775,808"),
        ("seed=true", "found true; allowed: a whole number"),
        ("seed='7'", "found '7', which is text (take the quotes away); allowed: a whole number"),
        ("seed=1.5", "found 1.5; allowed: a whole number"),
        ("seed=.nan", "found nan; allowed: a whole number"),
        ("train.learning_rate=.inf", "found inf; allowed: a finite number"),
        ("train.optimizer=adamm", "found 'adamm', did you mean adam?; allowed: adam or adamw"),
        ("train.micro_batches=256", "train.micro_batches: found 256 for train.batch of 128"),
        ("train.weight_decay=0.1", "allowed: 0, or optimizer: adamw"),
        ("data.label=true", "found true (quote it, if it is a name); allowed: text"),
        ("data.split.train=0", "data.split.train: found 0; allowed: above 0"),
        ("data.modality=imag", "data.modality: found 'imag'; did you mean 'image'?"),
        ("data.modality.size=[8, x]", "data.modality.size.1: found 'x'; allowed: a whole number"),
        ("data.modality.size=x", "found 'x'; allowed: a whole number or a list"),
        ("model=flaw", "model: found 'flaw'; did you mean 'flow'?"),
        ("model=7", "model: found 7; allowed: a name, package.module:Class, or a mapping"),
        ("model.family=no_such.thing:X", "cannot be imported: No module named 'no_such'"),
        ("model.family=os:path", "is not a Family"),
        ("generate.count=0", "generate.count: found 0; allowed: at least 1"),
        ("generate.count={per_clas: 3}", "allowed: a whole number, {per_class: n}"),
        ("generate.count={per_class: 0}", "generate.count.per_class: found 0"),
        ("generate.count={match: test}", "generate.count.match: found 'test'; allowed: train"),
        ("generate.count={balance: false}", "generate.count.balance: found false; allowed: true"),
        ("generate.labels=[a, a]", "found a more than once"),
        ("generate.labels=[true]", "generate.labels.0: found true"),
        ("generate.sampler.stepz=3", "found an unknown key, did you mean steps?"),
        ("generate.attempts=11", "at most 10"),
        ("generate=7", "generate: found 7; allowed: a mapping"),
        ("data=null", "data.source: missing"),
    ],
)
def test_a_fault_says_what_was_found_and_what_is_allowed(override, says):
    """One override, one fault, at that override's place, in our own words."""
    (fault,) = faults(SHORTEST, override)

    assert fault.startswith(f"--set {override[:60]}")
    assert says in fault


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["data.test_source=x", "data.split.test=0.1", "data.split.train=0.8"], "beside data.test_source"),
        (["data.label=null", "generate.count={per_class: 3}"], "generate.count: found a wish by class"),
        (["data.label=null", "generate.labels=[a]"], "generate.labels: found a wish by class"),
        (["train.keep=best", "data.split.validation=0"], "found best without rows to validate on"),
        (["train.epochs=1", "train.steps=3"], "found steps beside epochs"),
        (["train.workers={count: 2, min: 3}"], "train.workers.min: found 3, above count, 2"),
        (
            ["train.workers={count: 2, min: 1}", "train.reduction=ddp"],
            "train.workers.min: found 1 with train.reduction",
        ),
    ],
)
def test_fields_that_cannot_stand_together_are_told_once(overrides, says):
    """A rule over fields names those that break it."""
    (fault,) = faults(SHORTEST, *overrides)

    assert says in fault


def test_what_hangs_on_a_faulty_field_is_not_told():
    """A rule is not judged by the default that stands in for a faulty value."""
    (fault,) = faults(SHORTEST, "train.micro_batches=x", "train.workers.count=9")

    assert "train.micro_batches: found 'x'" in fault


@pytest.mark.parametrize(
    ("overrides", "path", "meant"),
    [
        (["generate.workers={max: 8}"], "generate.workers", {"min": 1, "max": 8}),
        (["generate.workers={min: 3}"], "generate.workers", {"min": 3, "max": 3}),
        (["data.split={validation: 0.05}"], "data.split", {"train": 0.85, "validation": 0.05, "test": 0.1}),
        (["data.test_source=x"], "data.split", {"train": 0.9, "validation": 0.1, "test": 0.0}),
        (["data.test_source=x", "data.split={train: 1, validation: 0}"], "data.split", {"train": 1.0, "test": 0.0}),
        (["data.split={train: 0.8, validation: 0.1}"], "data.split", {"test": 0.1}),
        (["data.source=[a, b]"], "data", {"source": ["a", "b"]}),
        (["generate.labels=[0, no, '1']"], "generate", {"labels": ["0", "no", "1"]}),
        (["generate.count=1e3"], "generate", {"count": 1000}),
        (["generate.count={per_class: 5}"], "generate", {"count": PerClass(per_class=5)}),
        (["generate.count={match: train}"], "generate", {"count": Match(match="train")}),
        (["generate.count={balance: true}"], "generate", {"count": Balance(balance=True)}),
        (["train=null", "generate=null"], "train.workers", {"count": 1}),
        (["train.workers.count=4"], "train", {"least_workers": 1}),
        (["train.workers={count: 4, min: 2}"], "train", {"least_workers": 2}),
        (["train.workers.count=4", "train.reduction=ddp"], "train", {"least_workers": 4}),
        ([f"seed={2**63 - 1}", "name=a.b_c-d"], "", {"seed": 2**63 - 1, "name": "a.b_c-d"}),
    ],
)
def test_what_is_left_out_is_what_the_user_means(overrides, path, meant):
    """Short forms and what follows from other fields."""
    part = load("job.yaml", SHORTEST, overrides)
    for name in filter(None, path.split(".")):
        part = getattr(part, name)

    assert meant == {key: getattr(part, key) for key in meant}


def test_a_kind_can_be_given_by_its_name_alone():
    """`model: vae` is the family with its defaults."""
    spec = load("job.yaml", SHORTEST + "model: vae\n")

    assert load("job.yaml", SHORTEST, ["model.family=vae"]) == spec
    assert FAMILY.write(spec.model.family)["family"] == "vae"


def test_the_digest_is_of_what_is_meant():
    """Neither the way of writing nor the output changes it; what is asked for does."""
    digest = load("job.yaml", SHORTEST).digest

    assert digest == load("other.yaml", SHORTEST, ["output=elsewhere", "seed=0", "train.ema=0", "model=flow"]).digest
    assert digest != load("job.yaml", SHORTEST, ["seed=1"]).digest
    assert digest != load("job.yaml", SHORTEST, ["generate.sampler.steps=3"]).digest


def test_a_spec_comes_through_pickling():
    """Workers get it whole."""
    spec = load("job.yaml", SHORTEST)

    assert spec == pickle.loads(pickle.dumps(spec))


def test_importing_the_spec_is_light():
    """A job is checked without torch, Ray, Arrow or scikit-learn, also with its family's fields."""
    heavy = "{'torch', 'ray', 'pyarrow', 'sklearn', 'pandas', 'boto3'}"
    code = f"import sys; from jobs.spec import load; load('j', {SHORTEST!r}); sys.exit(str({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)

    assert done.stderr.strip() == "set()"


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
SHARES = st.sampled_from([(0.8, 0.1, 0.1), (1.0, 0.0, 0.0), (0.7, 0.3, 0.0), (1 / 3, 1 / 3, 1 / 3), (0.5, 0.2, 0.3)])
COUNTS = st.one_of(
    st.integers(1, 2**63 - 1),
    st.builds(lambda n: {"per_class": n}, st.integers(1, 2**63 - 1)),
    st.sampled_from([{"match": "train"}, {"balance": True}]),
)
GOOD = st.fixed_dictionaries(
    {
        "name": st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,60}[a-z0-9])?", fullmatch=True),
        "output": TEXT,
        "data": st.fixed_dictionaries(
            {"source": TEXT | st.lists(TEXT, min_size=1, max_size=3), "label": TEXT},
            optional={
                "split": SHARES.map(lambda s: dict(zip(("train", "validation", "test"), s, strict=True))),
                "max_bad_rows": st.floats(0, 1),
                "modality": st.just("image") | st.just({"kind": "image", "size": [8, 9], "mode": "L"}),
            },
        ),
    },
    optional={
        "seed": st.integers(0, 2**63 - 1),
        "model": st.sampled_from(["vae", "flow", {"family": "vae", "latent": 3}, {"family": "flow"}]),
        "train": st.fixed_dictionaries(
            {}, optional={"steps": st.integers(1), "learning_rate": st.floats(1e-300, 1), "clip": st.none()}
        ),
        "generate": st.fixed_dictionaries(
            {}, optional={"count": COUNTS, "labels": st.lists(TEXT, min_size=1, max_size=3, unique=True)}
        ),
    },
)


@given(GOOD)
def test_a_job_is_the_same_from_its_own_yaml(values):
    """`to_yaml` says all of the job: reading it back gives an equal one with the same digest."""
    spec = load("job.yaml", dump(values))
    again = load("again.yaml", spec.to_yaml())

    assert spec == again
    assert spec.digest == again.digest


KEYS = st.sampled_from(
    [
        *("name", "seed", "output", "data", "source", "test_source", "label", "split", "train", "validation", "test"),
        *(
            "modality",
            "kind",
            "size",
            "model",
            "family",
            "latent",
            "generate",
            "count",
            "per_class",
            "match",
            "balance",
        ),
        *("labels", "sampler", "workers", "min", "max", "cpu", "gpu", "steps", "epochs", "batch", "keep"),
    ]
)
ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXT
    | st.sampled_from(["vae", "flow", "image", "a:B", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | TEXT, inner, max_size=5),
    max_leaves=20,
)
WILD = st.builds(lambda good, wild: {**good, **wild}, GOOD, st.dictionaries(KEYS | TEXT, ANY, max_size=4))


@given(
    WILD, st.lists(st.builds("{}={}".format, st.lists(KEYS, min_size=1, max_size=3).map(".".join), TEXT), max_size=3)
)
def test_any_document_gives_a_job_or_faults_with_places(values, overrides):
    """Nothing but a JobSpec or an InputError comes out, and each fault names a place that is there."""
    text = dump(values)
    try:
        assert isinstance(load("job.yaml", text, overrides), JobSpec)
    except SpecError as error:
        for fault in error.faults:
            assert_place_is_there(fault, text)


def assert_place_is_there(fault, text):
    if fault.startswith("--set "):
        return
    line, column = map(int, re.match(r"job\.yaml:(\d+):(\d+): ", fault).groups())
    lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", text)

    assert 1 <= line <= len(lines)
    assert 1 <= column <= len(lines[line - 1]) + 1


@given(st.text() | st.binary())
@example("a: 1e999\nname: .nan")
@example("model: {family: {}}")
@example("data: {modality: [image]}")
@example("generate: {sampler: [1], count: [1]}")
@example("train: {workers: 3}\nmodel: [1]")
def test_any_text_gives_a_job_or_an_input_error(text):
    """Whatever the bytes, the user is told; nothing is raised that a user cannot meet."""
    with pytest.raises(InputError):
        load("job.yaml", text)


EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_a_job(path):
    """Job files that we show are right, and editors agree."""
    values = yaml.safe_load(path.read_text())

    assert values["name"] == load(str(path), path.read_bytes()).name
    jsonschema.Draft202012Validator(json_schema()).validate(values)


def test_a_job_that_draws_from_rows_is_one_of_each_and_comes_back():
    """From its own YAML; an editor passes it; one that draws new samples says nothing of a mode."""
    text = f"{SHORTEST}generate: {{mode: {{kind: inpaint, mask: half}}, source: {{rows: a.parquet, label: kind}}}}\n"
    spec = load("job.yaml", text)

    assert spec.generate.count.model_dump() == {"per_row": 1}
    assert load("again.yaml", spec.to_yaml()) == spec
    jsonschema.validate(yaml.safe_load(text), json_schema())
    assert {"mode", "source"}.isdisjoint(load("job.yaml", SHORTEST).model_dump(mode="json")["generate"])


def test_a_mode_that_is_none_is_told_with_those_there_are():
    """As an unknown family is."""
    text = f"{SHORTEST}generate: {{mode: inpant, source: a.parquet}}\n"
    (fault,) = faults(text)

    assert "found 'inpant'; did you mean 'inpaint'?" in fault
