"""The job: what the user asks for, checked here and nowhere else.

    spec = load("job.yaml", text, ["generate.count=100"])

Everything but `name`, `data.source` and `output` has a default. `load` tells all faults of a document at once: after
the first look, what is faulty is taken out and the rest looked at again, so that rules over several fields are
checked as well. A rule that touches a faulty field is not told.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from genai.errors import InputError, SpecError
from genai.families import Family
from genai.identity import canonical, sha256
from genai.modes import check as able
from genai.registry import name_of
from jobs import publish
from jobs.asked import Originals, Prompts
from jobs.count import Balance, Count, Match, OfClasses, PerClass, PerPrompt, PerRow
from jobs.credits import Card
from jobs.dates import LogicalDate, Span, dated
from jobs.document import Fault, Path, dump, read
from jobs.faults import faults_of
from jobs.form import Part, Text, rule
from jobs.minting import MODE, Generate, GenerateWorkers, Unread
from jobs.notify import Notify, Variable
from jobs.override import override
from jobs.parts import FAMILY, MODALITY, Data, Model, Packed, Train, TrainWorkers
from jobs.publish import Entry
from jobs.split import Split, Splits

__all__ = [
    "FAMILY",
    "MODALITY",
    "Balance",
    "Count",
    "Data",
    "Generate",
    "GenerateWorkers",
    "JobSpec",
    "Match",
    "Model",
    "PerClass",
    "Split",
    "Splits",
    "Train",
    "TrainWorkers",
    "load",
]


class JobSpec(Part):
    """One job, fully said."""

    name: str = Field(
        pattern=r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$", max_length=63, description="Name of the job; becomes a folder."
    )
    seed: int = Field(0, ge=0, lt=2**63, description="Seed of the samples (that of training is train.seed).")
    logical_date: LogicalDate | None = Field(
        None, description="The day or moment that a scheduled run is for (--logical-date); its samples are its own."
    )
    window: Span = Field("1d", description="Length of the window that ends at the logical date: 1d, 6h, 30m, 2w.")
    output: Text = Field(description="Where everything goes: a folder, or a URI such as s3://bucket/prefix.")
    data: Data = Field(
        default_factory=lambda: Data.model_validate({}),
        description="The rows that there are; none are read where a checkpoint is given.",
    )
    model: Model = Field(default_factory=lambda: Model.model_validate({}), description="The family and its fields.")
    train: Train = Field(default_factory=Train, description="How to train.")
    generate: Generate = Field(default_factory=lambda: Generate.model_validate({}), description="The samples to mint.")
    splits: Splits | None = Field(None, description="Shares of the samples that `publish` tells apart; null: none.")
    publish: list[Entry] = Field(default_factory=list, description="What is made of the parts for other programs.")
    card: Card = Field(
        default_factory=lambda: Card.model_validate({}),
        description="What the dataset's card says beside what is known.",
    )
    sign: Variable = Field(None, description="The variable that holds the path of the key that signs the manifest.")
    packed: Packed | None = Field(None, description="What the dataset was (`genai pack` says it), to compare with.")
    notify: Notify = Field(default_factory=lambda: Notify.model_validate({}), description="Who is told of a run.")

    @model_validator(mode="before")
    @classmethod
    def _sampler_of_family(cls, value: Any) -> Any:
        generate = (value.get("generate") or {}) if isinstance(value, Mapping) else None
        if isinstance(generate, Generate):
            generate = dict(generate)
        if not isinstance(generate, Mapping) or isinstance(generate.get("sampler"), Unread):
            return value
        family = _family(value.get("model"))
        kind = family.Sampler if family else None
        written = generate.get("sampler")
        if kind and isinstance(written, kind):
            return value
        return {**value, "generate": {**generate, "sampler": Unread(kind, written)}}

    @model_validator(mode="before")
    @classmethod
    def _recipe_of_family(cls, value: Any) -> Any:
        """What the job does not say of training, its family may."""
        written = value.get("train", {}) if isinstance(value, Mapping) else None
        if not isinstance(written, Mapping):
            return value
        family = _family(value.get("model"))
        return {**value, "train": {**family.RECIPE, **written}} if family and family.RECIPE else value

    @model_validator(mode="after")
    def _rules(self) -> Self:
        if self.train.keep == "best" and not self.data.split.validation:
            text = "found best without rows to validate on; allowed: last, or data.split.validation above 0"
            raise rule(text, "train.keep", "data.split.validation")
        self._rules_of_rows()
        self._rules_of_family()
        self._rules_of_prompts()
        self._rules_of_modes()
        self._rules_of_filters()
        rows = None if self.model.given else self.data.modality
        publish.check(self.publish, self.splits, self.logical_date, rows)
        for path, asks in (
            ("generate.count", isinstance(self.generate.count, PerClass | OfClasses | Balance)),
            ("generate.labels", self.generate.labels is not None),
        ):
            if asks and self.data.label is None and not self.model.given:
                raise rule("found a wish by class for data without classes; allowed: a number", path, "data.label")
        return self

    def _rules_of_rows(self) -> None:
        """Rows are needed to train on, and to count by; or what comes trained."""
        if self.model.given == "model.pipeline" and self.model.pipeline is None:
            text = "missing; allowed: the folder or URI of a pretrained pipeline"
            raise rule(text, "model.pipeline", "model", "generate")
        if not self.model.given:
            if not self.data.source:
                text = "missing; allowed: where the rows are, or a model.checkpoint, which needs none"
                raise rule(text, "data.source", "data", "model.checkpoint")
        elif isinstance(self.generate.count, Match | Balance):
            allowed = "a number, {per_class: n}, {classes: {name: n}} or {per_prompt: n}"
            text = f"found a wish by the training rows beside {self.model.given}; allowed: {allowed}"
            raise rule(text, "generate.count", *(["model.checkpoint"] if self.model.checkpoint else []))

    def _rules_of_prompts(self) -> None:
        """Rows with captions are drawn under prompts, others are not. (Of a checkpoint its own config tells.)"""
        asked, rows = self.generate.prompts is not None, self.data.modality
        if isinstance(self.generate.count, PerPrompt) and not asked:
            text = "found a number a prompt without prompts; allowed: a number, or generate.prompts"
            raise rule(text, "generate.count", "generate.prompts")
        if self.model.pipeline is not None and not asked:
            text = "missing for a pipeline; allowed: a list of texts to draw under, or {source: where they are}"
            raise rule(text, "generate.prompts", "generate", "model")
        if self.model.given:
            return
        if rows.captions and not type(self.model.family).captions:
            able = _able(lambda kind: kind.captions)
            text = f"found {name_of(FAMILY.package, type(self.model.family))}, which reads no captions"
            raise rule(f"{text}; allowed for rows with captions: {able}", "model.family")
        if rows.captions and not asked:
            text = "missing for rows with captions; allowed: a list of texts to draw under, or {source: where they are}"
            raise rule(text, "generate.prompts", "generate", "data.modality")
        if asked and not rows.captions:
            text = "found prompts for rows without captions; allowed: none, or data.modality: {kind: captioned, …}"
            raise rule(text, "generate.prompts", "data.modality", "model")

    def _rules_of_modes(self) -> None:
        """Rows to draw from go with a way to draw from them; where that keeps the rows' classes, none is asked."""
        generate, family = self.generate, type(self.model.family)
        if isinstance(generate.count, PerRow) and generate.source is None:
            text = "found a number a row without rows; allowed: a number, or generate.mode and generate.source"
            raise rule(text, "generate.count", "generate.source", "generate.mode")
        if generate.mode is None:
            if generate.source is not None:
                text = f"found rows to draw from without generate.mode; allowed for it: {', '.join(MODE.kinds())}"
                raise rule(text, "generate.source", "generate.mode")
            return
        if generate.source is None:
            text = "missing with a mode; allowed: where the rows are, or {rows: where, label: column}"
            raise rule(text, "generate.source", "generate", "generate.mode")
        try:
            able(generate.mode, family, list(MODE.kinds().values()))
        except InputError as error:
            raise rule(str(error), "generate.mode", "model.family", "model") from error
        if generate.mode.masked != (generate.source.mask is not None):
            found = "a mask that the mode does not use" if generate.source.mask else "no mask for a mode that needs one"
            text = f"found {found}; allowed: mode: {{kind: inpaint, mask: given}} and the path of a picture"
            raise rule(text, "generate.source.mask", "generate.source", "generate.mode")
        by_class = isinstance(generate.count, PerClass | OfClasses) or generate.labels is not None
        if isinstance(generate.count, Match | Balance) or (by_class and not generate.mode.targets):
            text = "found a wish by class for samples that have their rows' classes; allowed: a number, {per_row: n}"
            raise rule(text, "generate.count", "generate.labels")

    def _rules_of_family(self) -> None:
        """Some families make tokens, the others numbers."""
        family, rows = self.model.family, self.data.modality
        if not self.model.given and family.tokens != rows.tokens:
            kinds = {True: "tokens", False: "numbers"}
            able = _able(lambda kind: kind.tokens == rows.tokens)
            text = (
                f"found {name_of(FAMILY.package, type(family))}, which makes {kinds[family.tokens]}, and rows of "
                f"{kinds[rows.tokens]} ({rows.noun}s); allowed for these: {able or 'a family of your own'}"
            )
            raise rule(text, "model.family", "data.modality")
        if self.data.unlabelled and not type(family).unlabelled:
            able = _able(lambda kind: kind.unlabelled)
            text = f"found true with {name_of(FAMILY.package, type(family))}; allowed: false, or one of {able}"
            raise rule(text, "data.unlabelled", "model.family")
        try:
            family.check(rows.axes)
        except InputError as error:
            raise rule(str(error), "model", "data.modality") from error

    def _rules_of_filters(self) -> None:
        """Those that cannot judge what a row is; with a checkpoint, the run knows what that is."""
        if self.model.given:
            return
        for part, filters in (("data", self.data.filters), ("generate", self.generate.filters)):
            for number, each in enumerate(filters):
                try:
                    each.fits(self.data.modality)
                except InputError as error:
                    raise rule(str(error), f"{part}.filters.{number}", "data.modality") from error

    def anchored(self) -> JobSpec:
        """The same job with local paths made absolute: its workers run in folders of their own."""
        data = self.data.model_copy(
            update={
                "source": [_absolute(uri) for uri in self.data.source],
                "test_source": self.data.test_source and _absolute(self.data.test_source),
            }
        )
        folder = self.notify.tensorboard
        notify = self.notify.model_copy(update={"tensorboard": folder and _absolute(folder)})
        update: dict[str, Any] = {"output": _absolute(self.output), "data": data, "notify": notify}
        update["publish"] = [entry.located(_absolute) for entry in self.publish]
        asked: dict[str, Any] = {}
        if isinstance(prompts := self.generate.prompts, Prompts):
            asked["prompts"] = prompts.model_copy(update={"source": _absolute(prompts.source)})
        if isinstance(rows := self.generate.source, Originals):
            mask = rows.mask and _absolute(rows.mask)
            asked["source"] = rows.model_copy(update={"rows": [_absolute(uri) for uri in rows.rows], "mask": mask})
        update["generate"] = self.generate.model_copy(update=asked)
        if self.model.pipeline is not None:
            update["model"] = self.model.model_copy(update={"pipeline": _absolute(self.model.pipeline)})
        begin = self.train.init_from
        if begin is not None and "/" in begin.checkpoint:
            begin = begin.model_copy(update={"checkpoint": _absolute(begin.checkpoint)})
            update["train"] = self.train.model_copy(update={"init_from": begin})
        pinned = self.model.checkpoint
        if pinned is not None and "/" in pinned:  # else it is a run's id
            update["model"] = self.model.model_copy(update={"checkpoint": _absolute(pinned)})
        return self.model_copy(update=update)

    @property
    def sampling_seed(self) -> int:
        """Seed of the samples: of a dated run it follows from the job's and the date, so that each date has its own."""
        if self.logical_date is None:
            return self.seed
        return int(sha256(canonical([self.seed, self.logical_date]))[:16], 16) >> 1

    @property
    def digest(self) -> str:
        """SHA-256 of all that the job says of its samples, defaults included: not where they go, nor who is told."""
        around = dict.fromkeys(("output", "splits", "publish", "card", "sign", "packed", "notify"), True)
        return sha256(canonical(self.model_dump(mode="json", exclude={**around, "data": set(self.data.told)})))

    def to_yaml(self) -> str:
        """A job file that says the same, defaults included."""
        return dump(self.model_dump(mode="json"))


def _family(model: Any) -> type[Family] | None:
    """The kind that `model:` names; None where it names none, which is told there."""
    try:
        return FAMILY.kind({"family": model.family} if isinstance(model, Model) else model)
    except ValidationError:
        return None


def _able(can: Callable[[type[Family]], bool]) -> str:
    """The families that learn, and can do that."""
    return ", ".join(name for name, kind in FAMILY.kinds().items() if can(kind) and not kind.pretrained)


def _absolute(uri: str) -> str:
    """A path as seen from the root; a URI as it is."""
    return uri if "://" in uri else os.path.abspath(os.path.expanduser(uri))  # noqa: PTH100, PTH111  # keeps links and globs


def load(name: str, text: str | bytes, overrides: Sequence[str] = ()) -> JobSpec:
    """The job that the file `name` with the content `text` describes, `a.b.c=VALUE` of `overrides` applied.

    Raises SpecError with all faults, each `file:line:col: path: found; allowed`.
    """
    document = dated(override(read(name, text), overrides))
    faults, values = list(document.faults), document.values
    spec = None
    for look in range(_LOOKS):
        try:
            spec = JobSpec.model_validate(values)
            break
        except ValidationError as error:
            found = faults_of(error, document)
            faults += [
                f
                for f, touched in found
                if (look == 0 or f.rule) and not _known(touched, document.faults if look == 0 else faults)
            ]
            values = _without(values, [path for _, touched in found for path in touched])
    if faults or spec is None:
        raise SpecError(tuple(dict.fromkeys(str(fault) for fault in sorted(faults, key=_by_place))))
    return spec


_LOOKS = 8  # fields, rules of a part (one each time), rules of the job


def _by_place(fault: Fault) -> tuple[bool, int, int]:
    return (not fault.place.line, fault.place.line, fault.place.column)


def _known(touched: Sequence[Path], faults: Sequence[Fault]) -> bool:
    """Whether one of the paths, or something around or below it, has a fault already."""
    faulty = {fault.path for fault in faults if fault.path}
    around = {path[:length] for path in faulty for length in range(1, len(path))}
    return any(path in around or any(path[:length] in faulty for length in range(1, len(path) + 1)) for path in touched)


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
