"""A sealed dataset in a folder, with real Parquet parts, and what `describe` writes beside it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from jobs import facts, layout
from jobs.describe import describe
from jobs.facts import Facts
from jobs.survey import Survey, survey
from tests.jobs.published import published
from tests.jobs.scripted import job

TOLD = ("data.license=cc-by-sa-3.0", "data.credit=Two people", "card.creator=A lab", "card.published=2026-11-24")


def dataset(output: Path, *overrides: str) -> Survey:
    """Forty images of two classes in four parts, described."""
    found = published(job(*overrides, output=str(output)))
    describe(found)
    return found


def again(found: Survey, *overrides: str) -> Survey:
    """The same job with other words, surveyed."""
    return survey(job(*overrides, output=found.spec.output))


def folder(found: Survey) -> Path:
    return Path(layout.dataset_place(found.store, found.dataset_key))


def told(found: Survey) -> Facts:
    return facts.of(found, found.manifest)


def with_classes(found: Facts, names: Sequence[str]) -> Facts:
    """The facts of a dataset of other classes, a sample of each in a part; none: of no class."""
    parts = tuple(replace(part, labels=(1,) * len(names)) for part in found.manifest.parts)
    manifest = replace(found.manifest, classes=tuple(names), parts=parts)
    label = {"label": {"_type": "ClassLabel", "names": list(names)}} if names else {}
    features = {name: feature for name, feature in found.features.items() if name != "label"} | label
    return replace(found, manifest=manifest, features=features, real=())
