"""The parts of a job: data, model, train, each a mapping of the job file (`generate`: `jobs.minting`).

A rule over several fields of a part stands with it, and names the paths that it touches (see `jobs.form.rule`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    InstanceOf,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_serializer,
    field_validator,
    model_serializer,
    model_validator,
)

import genai.families
import genai.filters
import genai.modalities
import genai.modes
from genai.families import Family
from genai.filters import Filter
from genai.modalities import Modality
from genai.recipe import Recipe
from jobs.credits import Line, WebPage
from jobs.document import printable
from jobs.form import Listed, Part, Text, form_of, rule
from jobs.license import License
from jobs.plugin import Plugin
from jobs.split import Share, Split

FAMILY = Plugin("family", genai.families, Family, "flow")  # type: ignore[type-abstract]
MODALITY = Plugin("kind", genai.modalities, Modality, "image")  # type: ignore[type-abstract]
FILTER = Plugin("kind", genai.filters, Filter, "")  # type: ignore[type-abstract]


Filters = list[Annotated[Any, BeforeValidator(FILTER.read), PlainSerializer(FILTER.write)]]


class Data(Part):
    """The rows that there are."""

    told: ClassVar[frozenset[str]] = frozenset({"license", "credit", "homepage"})  # no sample follows from them

    source: Listed = Field(
        default_factory=list,
        description="Where the rows are: Parquet, CSV, JSON lines, text, a folder of images, of tars or of Hugging "
        "Face datasets, a table's metadata file, iceberg://CATALOGUE/TABLE, sklearn://digits; or a list.",
    )
    test_source: Text | None = Field(None, description="Rows of their own for the test; split.test is then 0.")
    label: Text | None = Field("label", description="Column of the class; null: rows have no class.")
    split: Split = Field(default_factory=lambda: Split.model_validate({}), description="Shares of the rows.")
    unlabelled: bool = Field(
        default=False, description="Keep rows without a label, for a family that learns from them."
    )
    repeat_labelled: int = Field(
        1, ge=1, le=100_000, description="With unlabelled rows: how often one with a label stands among training rows."
    )
    on_bad_row: Literal["fail", "skip"] = Field("fail", description="What a row does that cannot be read.")
    max_bad_rows: Share = Field(0.01, description="With on_bad_row: skip, the share of bad rows that still passes.")
    modality: InstanceOf[Modality] = Field(
        default_factory=lambda: MODALITY.read(None), description="What a row is, with the fields of that kind."
    )
    filters: Filters = Field(default_factory=list, description="What makes a row a bad one; smiles, or your own.")
    license: License | None = Field(None, description="Of the rows: an SPDX identifier (CC-BY-SA-4.0), or words.")
    credit: Line | None = Field(None, description="Whom the rows are from, as the dataset's card is to say it.")
    homepage: WebPage | None = Field(None, description="Where the rows are described.")

    @field_validator("modality", mode="before")
    @classmethod
    def _read_modality(cls, value: Any) -> Modality:
        return MODALITY.read(value)

    @field_serializer("modality")
    def _write_modality(self, modality: Modality) -> dict[str, Any]:
        return MODALITY.write(modality)

    @model_serializer(mode="wrap")
    def _without_none(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """No source is said by saying none: an empty list is a mistake. Nor are no filters said."""
        return {name: value for name, value in write(self).items() if name not in ("source", "filters") or value}

    @model_validator(mode="before")
    @classmethod
    def _caption_for_label(cls, value: Any) -> Any:
        """Rows with a caption have no class, unless the job says one, which is told."""
        if not isinstance(value, Mapping) or "label" in value:
            return value
        try:
            kind = MODALITY.kind(value.get("modality"))
        except ValidationError:  # told where it stands
            return value
        return {**value, "label": None} if kind.captions else value

    @model_validator(mode="after")
    def _known_labels(self) -> Self:
        if self.unlabelled and self.label is None:
            raise rule("found true without labels; allowed: false, or data.label", "data.unlabelled", "data.label")
        if self.repeat_labelled > 1 and not self.unlabelled:
            text = f"found {self.repeat_labelled:,} without unlabelled rows; allowed: 1, or data.unlabelled: true"
            raise rule(text, "data.repeat_labelled", "data.unlabelled")
        return self

    @model_validator(mode="after")
    def _one_condition(self) -> Self:
        if self.modality.captions and self.label is not None:
            text = f"found {printable(self.label)} beside captions; allowed: null, or rows without captions"
            raise rule(text, "data.label")
        return self

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


_SHA256 = Field(pattern=r"^[0-9a-f]{64}$")


class Model(Part):
    """The family, with the fields of that family; or a checkpoint of it, which says these itself."""

    family: InstanceOf[Family] = Field(description="Kind of generative model.")
    checkpoint: Text | None = Field(
        None, description="Mint with this one and train nothing: a run's id, or the path or URI of its folder."
    )
    pipeline: Text | None = Field(
        None, description="Of diffusers and transformers: the folder or URI that save_pretrained wrote."
    )
    digest: Annotated[str, _SHA256] | None = Field(None, description="SHA-256 of that checkpoint: no other will do.")

    @property
    def given(self) -> str:
        """The field that names what comes trained, as a path of the job; "" where the job trains."""
        return "model.checkpoint" if self.checkpoint else "model.pipeline" if type(self.family).pretrained else ""

    @model_validator(mode="before")
    @classmethod
    def _read_family(cls, value: Any) -> Any:
        if isinstance(value, cls):
            return value
        if isinstance(value, Mapping) and isinstance(value.get("family"), Family):
            return value
        if isinstance(value, Mapping) and value.get("checkpoint") is None and FAMILY.kind(value).pretrained:
            own = {k: v for k, v in value.items() if k not in ("checkpoint", "pipeline", "digest")}
            return {"family": FAMILY.read(own), "pipeline": value.get("pipeline"), "digest": value.get("digest")}
        if not isinstance(value, Mapping) or value.get("checkpoint") is None:
            own = {k: v for k, v in value.items() if k != "checkpoint"} if isinstance(value, Mapping) else value
            return {"family": FAMILY.read(own)}
        beside = [name for name in value if name not in ("family", "checkpoint", "digest")]
        if beside:
            text = (
                f"found {printable(beside[0])} beside model.checkpoint; allowed: family, the rest is the checkpoint's"
            )
            raise rule(text, f"model.{beside[0]}", "model.checkpoint")
        return {
            "family": FAMILY.read({"family": value.get("family", FAMILY.default)}),
            "checkpoint": value["checkpoint"],
            "digest": value.get("digest"),
        }

    @model_serializer
    def _write_family(self) -> dict[str, Any]:
        if self.pipeline is not None:
            digest = {"digest": self.digest} if self.digest else {}
            return {**FAMILY.write(self.family), "pipeline": self.pipeline, **digest}
        if self.checkpoint is None:
            return FAMILY.write(self.family)
        pinned = {"family": FAMILY.write(self.family)["family"], "checkpoint": self.checkpoint}
        return pinned | ({"digest": self.digest} if self.digest else {})


class TrainWorkers(Part):
    """Who trains; no bit of the checkpoint depends on it."""

    count: int = Field(1, ge=1, description="Processes that share each batch; at most train.micro_batches.")
    min: int | None = Field(
        None, ge=1, description="Fewest to train with for want of room; null: 1, in a cluster that can give count."
    )
    cpu: float = Field(1, gt=0, description="CPUs of each.")
    gpu: float = Field(0, ge=0, description="GPUs of each; a fraction shares one.")
    patience: float = Field(30, gt=0, description="Seconds without progress after which a worker is replaced.")
    max_failures: int = Field(3, ge=0, description="New starts in a row that may fail to save a new state.")


class InitFrom(Part):
    """Weights to begin with: those of a checkpoint of the same family and kind of rows."""

    checkpoint: Text = Field(description="A run's id, or the path or URI of its folder.")
    digest: Annotated[str, _SHA256] | None = Field(None, description="SHA-256 of that checkpoint: no other will do.")
    frozen: list[Text] = Field(
        default_factory=list, description="Parts of the network that stay as they are: how their weights' names begin."
    )


def _init_from(value: Any) -> Any:
    return {"checkpoint": value} if isinstance(value, str) else value


class Train(form_of(Recipe)):  # type: ignore[misc]  # made from the dataclass
    """How to train: the fields of the recipe, what to begin with, and who does it."""

    init_from: Annotated[InitFrom, BeforeValidator(_init_from, json_schema_input_type=Text | InitFrom)] | None = Field(
        None, description="Begin with the weights of a checkpoint, to fine-tune it; null: with random ones."
    )
    workers: TrainWorkers = Field(default_factory=lambda: TrainWorkers.model_validate({}), description="Who trains.")

    @model_serializer(mode="wrap")
    def _without_none(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A job that begins with random weights says nothing of others."""
        return {name: value for name, value in write(self).items() if name != "init_from" or value}

    @property
    def recipe(self) -> Recipe:
        return Recipe(**{field.name: getattr(self, field.name) for field in fields(Recipe)})

    @property
    def least_workers(self) -> int:
        """How few may go on; with ddp, the bits hang on their number."""
        return self.workers.count if self.reduction == "ddp" else self.workers.min or 1

    @model_validator(mode="after")
    def _rules(self) -> Self:
        recipe = self.recipe
        if recipe.steps is not None and recipe.epochs is not None:
            raise rule("found steps beside epochs; allowed: one of the two", "train.steps", "train.epochs")
        self._elastic()
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

    def _elastic(self) -> None:
        least, count, touches = self.workers.min, self.workers.count, ("train.workers.min", "train.workers.count")
        if least is not None and least > count:
            raise rule(f"found {least}, above count, {count}; allowed: at most count", *touches)
        if least is not None and least < count and self.reduction == "ddp":
            text = f"found {least} with train.reduction: ddp, whose result hangs on it; allowed: {count}, or tree"
            raise rule(text, *touches, "train.reduction")


class Packed(Part):
    """What a dataset was when it was packed; what is made of it again is compared with that."""

    key: str = Field(description="Key of the dataset.")
    digest: Annotated[str, _SHA256] = Field(description="Digest of the dataset.")
    rows: int = Field(ge=1, lt=2**63, description="Its samples: the indices 0 up to that.")
    versions: dict[str, str] = Field(default_factory=dict, description="What it was made with.")
