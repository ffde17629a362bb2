"""What there is to tell of a sealed dataset, for its card and its catalogue entry alike.

A pure function of the manifest, of what the dataset was made from and of what the job says of it: no clock, no place,
no name of a run. So equal datasets have equal cards, wherever they lie, and a folder of the user's machine is in none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

from jobs.credits import Card
from jobs.ledger import Manifest
from jobs.spec import JobSpec
from jobs.survey import Survey

if TYPE_CHECKING:
    from genai.modalities import Modality

FILES = ("Image", "Audio")  # Hugging Face's features of columns whose cells are files


@dataclass(frozen=True)
class Facts:
    """A dataset, its model and the rows behind it. What nobody knows is empty."""

    manifest: Manifest
    family: str
    features: dict[str, dict[str, Any]]  # of the columns, as Hugging Face writes them
    noun: str = "sample"  # what a row is
    sources: tuple[str, ...] = ()
    rows: int | None = None  # that the model was trained on
    real: tuple[int, ...] = ()  # of each class
    prepared: str = ""  # digest of these rows
    measures: dict[str, float] = field(default_factory=dict)
    license: str | None = None
    credit: str | None = None
    homepage: str | None = None
    card: Card = field(default_factory=lambda: Card.model_validate({}))
    date: str | None = None
    signed: bool = False

    @property
    def counts(self) -> tuple[int, ...]:
        """Samples of each class."""
        return tuple(sum(column) for column in zip(*(part.labels for part in self.manifest.parts), strict=True))

    @property
    def files(self) -> tuple[str, dict[str, Any]]:
        """The column whose cells are files, and its feature; "" where there is none."""
        found = (item for item in self.features.items() if item[1].get("_type") in FILES)
        return next(found, ("", {}))

    @property
    def sentence(self) -> str:
        """What it is, in one line."""
        manifest = self.manifest
        what = f"{self.noun}s" if self.files[0] else "samples"
        kinds = f" of {len(manifest.classes):,} classes" if manifest.classes else ""
        return f"{manifest.rows:,} synthetic {what}{kinds}, drawn by a {self.family} model"

    @property
    def source(self) -> str:
        return ", ".join(self.sources) or "rows that this job does not know, since it was given a trained model"


def of(found: Survey, manifest: Manifest) -> Facts:
    """The facts of a dataset that the run of `found` has made, or shares."""
    assert found.modality, "known wherever there is a manifest"
    spec, train = found.spec, found.prepared and found.prepared.splits["train"]
    return Facts(
        manifest,
        family=str(spec.model.model_dump(mode="json")["family"]),
        features=_features(manifest, found.modality),
        noun=found.modality.noun,
        sources=_sources(spec) if train else (),
        rows=train.rows if train else None,
        real=train.labels if train and manifest.classes else (),
        prepared=found.prepared.digest if found.prepared else "",
        measures=dict((found.metrics or {}).get("measures") or {}),
        license=spec.data.license,
        credit=spec.data.credit,
        homepage=spec.data.homepage,
        card=spec.card,
        date=spec.card.published or spec.logical_date,
        signed=spec.sign is not None,
    )


def _sources(spec: JobSpec) -> tuple[str, ...]:
    """A URI as it is; of a local path the file's or folder's name, and what a glob adds to it."""
    paths = (source.removeprefix("file://") for source in spec.data.source)
    return tuple(path if "://" in path else _short(path) for path in paths)


def _short(path: str) -> str:
    parts = [part for part in path.split("/") if part]
    first = next((i for i, part in enumerate(parts) if set(part) & set("*?[")), len(parts))
    return "/".join(parts[max(first - 1, 0) :])


def _features(manifest: Manifest, modality: Modality) -> dict[str, dict[str, Any]]:
    """Those that each part names itself, taken from one without rows: so nothing is read for them."""
    import pyarrow.parquet as pq

    from genai import formats
    from genai.formats import About, Samples

    if manifest.plan.suffix != ".parquet":
        return {}
    sources = manifest.plan.sources
    samples = Samples.none(modality.array_shape, labelled=bool(manifest.classes), sources=sources)
    about = About(modality, manifest.checkpoint, manifest.seed, manifest.key, "", manifest.classes)
    metadata = pq.read_schema(BytesIO(formats.of(manifest.plan.suffix).encode(samples, about))).metadata
    return dict(json.loads(metadata[b"huggingface"])["info"]["features"])
