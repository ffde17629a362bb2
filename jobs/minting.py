"""The samples to mint, `generate:` of a job: how many, drawn under what, from what and how, and who mints them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    InstanceOf,
    SerializerFunctionWrapHandler,
    field_serializer,
    field_validator,
    model_serializer,
    model_validator,
)

import genai.modes
from genai.modes import Mode
from genai.registry import names
from jobs.asked import Asked, Originals
from jobs.count import Count
from jobs.document import printable
from jobs.form import Names, Part, Text, build, rule, values_of
from jobs.parts import Filters
from jobs.plugin import Plugin

if TYPE_CHECKING:
    from genai.accept import Terms

MODE = Plugin("kind", genai.modes, Mode, "")  # type: ignore[type-abstract]


def _named(value: Any) -> Any:
    """Class names as text: `[0, 1]` means "0" and "1"."""
    whole = isinstance(value, list)
    return [str(v) if isinstance(v, int) and not isinstance(v, bool) else v for v in value] if whole else value


class GenerateWorkers(Part):
    """Who mints; no bit of a sample depends on it."""

    min: int = Field(1, ge=1, le=100_000, description="Workers to start with.")
    max: int = Field(1, ge=1, le=100_000, description="Workers to grow to; left out: min.")
    cpu: float = Field(1, gt=0, description="CPUs of each.")
    gpu: float = Field(0, ge=0, description="GPUs of each; a fraction shares one.")
    patience: float = Field(45, gt=0, description="Seconds without progress after which a worker is replaced.")

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


class Unread(NamedTuple):
    """What stands under `sampler:`, on its way to the family that knows it."""

    kind: type[Any] | None
    value: Any


FORMATS = names("genai.formats")  # by its path: importing it would take NumPy along


def _known_format(name: str) -> str:
    if name not in FORMATS:
        raise rule(f"found {name!r}; allowed: {', '.join(FORMATS)}")
    return name


def _rows(value: Any) -> Any:
    return {"rows": value} if isinstance(value, str | list) else value


class Generate(Part):
    """The samples to mint."""

    count: Count = Field(
        1000,
        description="Samples: a number, {per_class: n}, {classes: {name: n}}, {per_prompt: n}, {per_row: n}, "
        "{match: train} or {balance: true}; left out with a mode: {per_row: 1}.",
    )
    labels: Annotated[Names, BeforeValidator(_named, json_schema_input_type=list[Text | int])] | None = Field(
        None, description="Only these classes; null: all."
    )
    prompts: Asked | None = Field(
        None, description="What to draw under, in turn: texts, or {source: where, text: column or template}."
    )
    mode: InstanceOf[Mode] | None = Field(
        None, description="A way to draw from rows that there are: variation, inpaint, translate, …; null: new ones."
    )
    source: Annotated[Originals, BeforeValidator(_rows, json_schema_input_type=Text | Originals)] | None = Field(
        None, description="The rows that a mode draws from: where they are, or {rows: where, label: column}."
    )
    part_rows: int = Field(1000, ge=1, le=10_000_000, description="Samples of one Parquet part.")
    batch: int = Field(128, ge=1, le=1_000_000, description="Samples drawn at once; changes bits.")
    precision: Literal["fp32", "bf16", "fp16"] = Field("fp32", description="Arithmetic of the network; changes bits.")
    threads: int = Field(1, ge=1, le=1024, description="CPU threads of a worker; changes bits.")
    sampler: Any = Field(None, description="How to draw: the fields of the family's sampler.")
    attempts: int = Field(3, ge=1, le=10, description="Tries of a shard before it is given up.")
    filters: Filters = Field(
        default_factory=list, description="What a sample has to pass, or its index is drawn again; smiles, or your own."
    )
    draws: int = Field(100, ge=1, le=1_000_000, description="Draws of one index, at most, where filters refuse some.")
    format: Annotated[str, AfterValidator(_known_format), Field(json_schema_extra={"enum": FORMATS})] = Field(
        "parquet", description="What parts are written as."
    )
    workers: GenerateWorkers = Field(
        default_factory=lambda: GenerateWorkers.model_validate({}), description="Who mints."
    )

    @field_validator("sampler", mode="plain")
    @classmethod
    def _read_sampler(cls, value: Any) -> Any:
        return build(value.kind, value.value or {}) if isinstance(value, Unread) and value.kind else value

    @property
    def terms(self) -> Terms:
        """What a sample has to pass."""
        from genai.accept import Terms

        return Terms(tuple(self.filters), self.draws)

    @model_serializer(mode="wrap")
    def _without_none(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A job without filters, or a mode, says nothing of them: it is the job that it was before there were any."""
        silent = [] if self.filters else ["filters", "draws"]
        silent += [] if self.mode else ["mode", "source"]
        return {name: value for name, value in write(self).items() if name not in silent}

    @field_validator("mode", mode="before")
    @classmethod
    def _read_mode(cls, value: Any) -> Mode | None:
        return None if value is None else MODE.read(value)

    @field_serializer("mode")
    def _write_mode(self, mode: Mode | None) -> dict[str, Any] | None:
        return None if mode is None else MODE.write(mode)

    @model_validator(mode="before")
    @classmethod
    def _one_a_row(cls, value: Any) -> Any:
        """Who changes rows wants each of them, unless the job says another number."""
        said = isinstance(value, Mapping) and value.get("mode") is not None
        return {"count": {"per_row": 1}, **value} if said else value

    @model_validator(mode="after")
    def _once(self) -> Self:
        twice = [label for label, times in Counter(self.labels or ()).items() if times > 1]
        if twice:
            raise rule(
                f"found {printable(', '.join(twice))} more than once; allowed: each class once", "generate.labels"
            )
        return self

    @field_serializer("sampler")
    def _write_sampler(self, sampler: Any) -> dict[str, Any]:
        return values_of(sampler)
