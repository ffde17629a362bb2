"""What a publish stage refuses: places, splits, tables."""

from __future__ import annotations

from pathlib import Path

from jobs import layout
from jobs.crew import ExportTask
from jobs.publication import Publication, publications
from jobs.survey import Survey, survey
from tests.errors.job_file import RULES, _faulty
from tests.errors.provoked import HEAD, SMALL, Scene, provokes
from tests.errors.rows import parquet
from workers.export import Exporter

# Exports: folders of files

PUBLISHING = "Publishing"
TO_OUT = SMALL + "publish: [{kind: images, to: out}]\n"

_faulty(RULES, "publish_kind", "A kind of publication that is not known", "publish: [zip]\n")
_faulty(RULES, "publish_twice", "Two publications to one place", "publish: [images, images]\n")
_faulty(RULES, "publish_splits", "Folders by split without splits", "publish: [{kind: parquet, partition: split}]\n")
_faulty(RULES, "publish_date", "Folders by date without a date", "publish: [{kind: parquet, partition: date}]\n")


@provokes(PUBLISHING, "A class that can be no folder", job=SMALL + "publish: [images]\n")
def publish_class(scene: Scene) -> None:
    parquet(scene, label=["cat", "cat/tabby"] * 25)
    scene.run("data.source=rows.parquet")


@provokes(PUBLISHING, "A place with files of somebody else", job=TO_OUT)
def publish_not_free(scene: Scene) -> None:
    scene.write("out/notes.txt", "mine")
    scene.run()


@provokes(PUBLISHING, "A place where something else is published already")
def publish_other(scene: Scene) -> None:
    _published(scene)
    scene.run("publish.0.kind=webdataset")


@provokes(PUBLISHING, "A part with other bytes than its manifest says, when it is published")
def publish_damaged(scene: Scene) -> None:
    found = _asked(scene)
    name = layout.part(found.dataset_key, "part-00002.parquet")
    found.store.put(name, found.store.get(name) + b" ")
    scene.run()


@provokes(PUBLISHING, "A dataset that is sealed no longer", "Somebody removes `_SUCCESS` while a dataset is published")
def publish_unsealed(scene: Scene) -> None:
    found = _asked(scene)
    manifest = found.manifest
    (publication,) = publications(found.spec, found.store, found.dataset_key)
    assert manifest
    assert isinstance(publication, Publication)
    found.store.delete(layout.dataset(found.dataset_key, "_SUCCESS"))
    Exporter(ExportTask(found.spec, manifest.key, publication, found.modality, manifest.plan))


def _asked(scene: Scene) -> Survey:
    """The finished run, whose job asks for a publication since."""
    scene.finished()
    Path("job.yaml").write_text(HEAD + TO_OUT)
    target = scene.target()
    return survey(target.spec, target.store)


def _published(scene: Scene) -> None:
    _asked(scene)
    scene.run()
