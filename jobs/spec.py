"""The job: what the user asks for, checked here and nowhere else.

    spec = load("job.yaml", text, ["generate.count=100"])

Everything but `name`, `data.source` and `output` has a default. `load` tells all faults of a document at once: after
the first look, what is faulty is taken out and the rest looked at again, so that rules over several fields are
checked as well. A rule that touches a faulty field is not told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import fields
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    InstanceOf,
    Tag,
    ValidationError,
    field_serializer,
    field_validator,
    model_serializer,
    model_validator,
)

import genai.families
import genai.modalities
from genai.errors import SpecError
from genai.families import Family
from genai.identity import canonical, sha256
from genai.modalities import Modality
from genai.recipe import Recipe
from jobs.document import Fault, Path, dump, read
from jobs.faults import faults_of
from jobs.form import Part, build, form_of, rule, values_of
from jobs.override import override
from jobs.plugin import Plugin

FAMILY = Plugin("family", genai.families, Family, "flow")  # type: ignore[type-abstract]
MODALITY = Plugin("kind", genai.modalities, Modality, "image")  # type: ignore[type-abstract]

Share = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, Field(min_length=1)]
Names = Annotated[list[Text], Field(min_length=1)]


def _named(value: Any) -> Any:
    """Class names as text: `[0, 1]` means "0" and "1"."""
    whole = isinstance(value, list)
    return [str(v) if isinstance(v, int) and not isinstance(v, bool) else v for v in value] if whole else value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class Split(Part):
    """Which share of the rows is for what; a row's side follows from its content alone."""

    train: Share = Field(gt=0, description="Share of rows to train on; left out: what the other two leave.")
    validation: Share = Field(0.1, description="Share of rows that pick the best weights.")
    test: Share = Field(0.1, description="Share of rows for the final measures; 0 with data.test_source.")

    @model_validator(mode="before")
    @classmethod
    def _rest(cls, value: Any) -> Any:
        if not isinstance(value, Mapping) or "train" in value:
            return value
        others = [value.get(name, cls.model_fields[name].default) for name in ("validation", "test")]
        numbers = all(isinstance(o, int | float) and not isinstance(o, bool) for o in others)
        return {**value, "train": max(0.0, round(1 - sum(others), 12)) if numbers else 1.0}

    @model_validator(mode="after")
    def _sum(self) -> Self:
        if abs((total := self.train + self.validation + self.test) - 1) > 1e-9:
            parts = f"train {self.train:g} + validation {self.validation:g} + test {self.test:g}"
            touches = ("data.split", *(f"data.split.{name}" for name in type(self).model_fields))
            raise rule(f"found shares that sum to {total:.10g} ({parts}); allowed: a sum of 1", *touches)
        return self


class Data(Part):
    """The rows that there are."""

    source: Annotated[Names, BeforeValidator(_listed)] = Field(
        description="Where the rows are: sklearn://digits, a Parquet file or glob, a folder of images; or a list."
    )
    test_source: Text | None = Field(None, description="Rows of their own for the test; split.test is then 0.")
    label: Text | None = Field("label", description="Column of the class; null: rows have no class.")
    split: Split = Field(default_factory=lambda: Split.model_validate({}), description="Shares of the rows.")
    on_bad_row: Literal["fail", "skip"] = Field("fail", description="What a row does that cannot be read.")
    max_bad_rows: Share = Field(0.01, description="With on_bad_row: skip, the share of bad rows that still passes.")
    modality: InstanceOf[Modality] = Field(
        default_factory=lambda: MODALITY.read(None), description="What a row is, with the fields of that kind."
    )

    @field_validator("modality", mode="before")
    @classmethod
    def _read_modality(cls, value: Any) -> Modality:
        return MODALITY.read(value)

    @field_serializer("modality")
    def _write_modality(self, modality: Modality) -> dict[str, Any]:
        return MODALITY.write(modality)

    @model_validator(mode="before")
    @classmethod
    def _no_test_share(cls, value: Any) -> Any:
        if not isinstance(value, Mapping) or value.get("test_source") is None:
            return value
        split = value.get("split") or {}
        return {**value, "split": {"test": 0, **split}} if isinstance(split, Mapping) else value

    @model_validator(mode="after")
    def _one_test(self) -> Self:
        if self.test_source is not None and self.split.test > 0:
            text = f"found {self.split.test:g} beside data.test_source; allowed: 0, or leave it out"
            raise rule(text, "data.split.test", "data.test_source")
        return self


class Model(Part):
    """The family, with the fields of that family."""

    family: InstanceOf[Family] = Field(description="Kind of generative model.")

    @model_validator(mode="before")
    @classmethod
    def _read_family(cls, value: Any) -> Any:
        if isinstance(value, cls):
            return value
        if isinstance(value, Mapping) and isinstance(value.get("family"), Family):
            return value
        return {"family": FAMILY.read(value)}

    @model_serializer
    def _write_family(self) -> dict[str, Any]:
        return FAMILY.write(self.family)


class TrainWorkers(Part):
    """Who trains; no bit of the checkpoint depends on it."""

    count: int = Field(1, ge=1, description="Processes that share each batch; at most train.micro_batches.")
    cpu: float = Field(1, gt=0, description="CPUs of each.")
    gpu: float = Field(0, ge=0, description="GPUs of each; a fraction shares one.")
    max_failures: int = Field(3, ge=0, description="How often training starts again from its last checkpoint.")


class Train(form_of(Recipe)):  # type: ignore[misc]  # made from the dataclass
    """How to train: the fields of the recipe, and who does it."""

    workers: TrainWorkers = Field(default_factory=lambda: TrainWorkers.model_validate({}), description="Who trains.")

    @cached_property
    def recipe(self) -> Recipe:
        return Recipe(**{field.name: getattr(self, field.name) for field in fields(Recipe)})

    @model_validator(mode="after")
    def _rules(self) -> Self:
        recipe = self.recipe
        if recipe.steps is not None and recipe.epochs is not None:
            raise rule("found steps beside epochs; allowed: one of the two", "train.steps", "train.epochs")
        if self.workers.count > recipe.micro_batches:
            text = f"found {self.workers.count} workers for train.micro_batches of {recipe.micro_batches}"
            raise rule(
                f"{text}; allowed: at most one worker a micro-batch", "train.workers.count", "train.micro_batches"
            )
        if recipe.batch < recipe.micro_batches:
            text = f"found {recipe.micro_batches} for train.batch of {recipe.batch}; allowed: at most one a row"
            raise rule(text, "train.micro_batches", "train.batch")
        if recipe.weight_decay and recipe.optimizer != "adamw":
            text = f"found {recipe.weight_decay:g} with optimizer {recipe.optimizer}; allowed: 0, or optimizer: adamw"
            raise rule(text, "train.weight_decay", "train.optimizer")
        return self


class PerClass(Part):
    """So many of each class."""

    per_class: int = Field(ge=1, description="Samples of each class.")


class Match(Part):
    """As many of each class as the training split has."""

    match: Literal["train"] = Field(description="The split whose numbers are matched.")


class Balance(Part):
    """Of each class what it lacks, in the training split, to the largest one."""

    balance: Literal[True] = Field(description="Fill each class up to the largest.")


def _form_of_count(value: Any) -> str | None:
    if isinstance(value, Part):
        return type(value).__name__
    if not isinstance(value, Mapping):
        return "Total"
    return next((kind.__name__ for kind in (PerClass, Match, Balance) if set(kind.model_fields) & set(value)), None)


Count = Annotated[
    Annotated[int, Field(ge=1), Tag("Total")]
    | Annotated[PerClass, Tag("PerClass")]
    | Annotated[Match, Tag("Match")]
    | Annotated[Balance, Tag("Balance")],
    Discriminator(_form_of_count, custom_error_type="count_form", custom_error_message="count"),
]


class GenerateWorkers(Part):
    """Who mints; no bit of a sample depends on it."""

    min: int = Field(1, ge=1, description="Workers to start with.")
    max: int = Field(1, ge=1, description="Workers to grow to; left out: min.")
    cpu: float = Field(1, gt=0, description="CPUs of each.")
    gpu: float = Field(0, ge=0, description="GPUs of each; a fraction shares one.")

    @model_validator(mode="before")
    @classmethod
    def _fixed(cls, value: Any) -> Any:
        only_min = isinstance(value, Mapping) and "min" in value and "max" not in value
        return {**value, "max": value["min"]} if only_min else value

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max < self.min:
            touches = ("generate.workers.max", "generate.workers.min")
            raise rule(f"found {self.max}, below min, {self.min}; allowed: at least min", *touches)
        return self


class _Unread(NamedTuple):
    """What stands under `sampler:`, on its way to the family that knows it."""

    kind: type[Any] | None
    value: Any


class Generate(Part):
    """The samples to mint."""

    count: Count = Field(1000, description="Samples: a number, {per_class: n}, {match: train} or {balance: true}.")
    labels: Annotated[Names, BeforeValidator(_named)] | None = Field(None, description="Only these classes; null: all.")
    part_rows: int = Field(1000, ge=1, description="Samples of one Parquet part.")
    batch: int = Field(128, ge=1, description="Samples drawn at once; changes bits.")
    precision: Literal["fp32", "bf16", "fp16"] = Field("fp32", description="Arithmetic of the network; changes bits.")
    threads: int = Field(1, ge=1, description="CPU threads of a worker; changes bits.")
    sampler: Any = Field(None, description="How to draw: the fields of the family's sampler.")
    attempts: int = Field(3, ge=1, le=10, description="Tries of one index, or one shard, before it is given up.")
    format: Literal["parquet"] = Field("parquet", description="What parts are written as.")
    workers: GenerateWorkers = Field(default_factory=lambda: GenerateWorkers.model_validate({}), description="Who mints.")

    @field_validator("sampler", mode="plain")
    @classmethod
    def _read_sampler(cls, value: Any) -> Any:
        return build(value.kind, value.value or {}) if isinstance(value, _Unread) and value.kind else value

    @field_serializer("sampler")
    def _write_sampler(self, sampler: Any) -> dict[str, Any]:
        return values_of(sampler)


class JobSpec(Part):
    """One job, fully said."""

    name: str = Field(
        pattern=r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$", max_length=63, description="Name of the job; becomes a folder."
    )
    seed: int = Field(0, ge=0, lt=2**63, description="Seed of the samples (that of training is train.seed).")
    output: Text = Field(description="Where everything goes: a folder, or a URI such as s3://bucket/prefix.")
    data: Data = Field(description="The rows that there are.")
    model: Model = Field(default_factory=lambda: Model.model_validate({}), description="The family and its fields.")
    train: Train = Field(default_factory=Train, description="How to train.")
    generate: Generate = Field(default_factory=lambda: Generate.model_validate({}), description="The samples to mint.")

    @model_validator(mode="before")
    @classmethod
    def _sampler_of_family(cls, value: Any) -> Any:
        generate = (value.get("generate") or {}) if isinstance(value, Mapping) else None
        if isinstance(generate, Generate):
            generate = dict(generate)
        if not isinstance(generate, Mapping) or isinstance(generate.get("sampler"), _Unread):
            return value
        model = value.get("model")
        try:
            kind = FAMILY.kind({"family": model.family} if isinstance(model, Model) else model).Sampler
        except ValidationError:
            kind = None  # told at `model`
        written = generate.get("sampler")
        if kind and isinstance(written, kind):
            return value
        return {**value, "generate": {**generate, "sampler": _Unread(kind, written)}}

    @model_validator(mode="after")
    def _rules(self) -> Self:
        if self.train.keep == "best" and not self.data.split.validation:
            text = "found best without rows to validate on; allowed: last, or data.split.validation above 0"
            raise rule(text, "train.keep", "data.split.validation")
        for path, asks in (
            ("generate.count", isinstance(self.generate.count, PerClass | Balance)),
            ("generate.labels", self.generate.labels is not None),
        ):
            if asks and self.data.label is None:
                raise rule("found a wish by class for data without classes; allowed: a number", path, "data.label")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of all that the job says, defaults included, but where it writes."""
        return sha256(canonical(self.model_dump(mode="json", exclude={"output"})))

    def to_yaml(self) -> str:
        """A job file that says the same, defaults included."""
        return dump(self.model_dump(mode="json"))


def load(name: str, text: str | bytes, overrides: Sequence[str] = ()) -> JobSpec:
    """The job that the file `name` with the content `text` describes, `a.b.c=VALUE` of `overrides` applied.

    Raises SpecError with all faults, each `file:line:col: path: found; allowed`.
    """
    document = override(read(name, text), overrides)
    faults, values = list(document.faults), document.values
    spec = None
    for look in range(_LOOKS):
        try:
            spec = JobSpec.model_validate(values)
            break
        except ValidationError as error:
            found = faults_of(error, document)
            faults += [f for f, touched in found if (look == 0 or f.rule) and not _known(touched, faults)]
            values = _without(values, [path for _, touched in found for path in touched])
    if faults or spec is None:
        raise SpecError(tuple(dict.fromkeys(str(fault) for fault in sorted(faults, key=_by_place))))
    return spec


_LOOKS = 8  # fields, rules of a part (one each time), rules of the job


def _by_place(fault: Fault) -> tuple[bool, int, int]:
    return (not fault.place.line, fault.place.line, fault.place.column)


def _known(touched: Sequence[Path], faults: Sequence[Fault]) -> bool:
    """Whether one of the paths, or something around or below it, has a fault already."""
    pairs = [(a, fault.path) for a in touched for fault in faults if fault.path]
    return any(a[: len(b)] == b[: len(a)] for a, b in pairs)


def _without(values: Any, paths: Sequence[Path]) -> dict[str, Any]:
    """The document without what stands at `paths`; what must be there is filled with something harmless."""
    made = deepcopy(values)
    for path in filter(None, paths):
        at: Any = made
        cut = next((i for i, part in enumerate(path) if isinstance(part, int)), len(path))
        for part in path[: cut - 1]:
            at = at.get(part) if isinstance(at, dict) else None
        if isinstance(at, dict):
            at.pop(path[cut - 1], None)
        if path[:1] == ("model",) and isinstance(made.get("generate"), dict):
            made["generate"].pop("sampler", None)  # another family's
    made = {"name": "x", "output": "x", **made}
    data = made.get("data")
    made["data"] = {"source": "x", **(data if isinstance(data, dict) else {})}
    return made
