"""What `genai show` and `genai status --web` refuse."""

from __future__ import annotations

import contextlib
import io
import json
import socket
from collections.abc import Sequence

import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq

from genai import modalities
from genai.modalities.image import Image
from genai.registry import describe
from jobs import layout
from jobs.web.server import HOST, PORT
from jobs.web.stream import Stream
from tests.errors.provoked import SMALL, Scene, provokes
from tests.errors.rows import png

SHOWING, WATCHING = "Showing samples", "Watching runs in a browser"
PART = "part-00000.parquet"
CELL = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def part(scene: Scene, images: Sequence[bytes] | None, side: int = 8, **columns: object) -> None:
    """A part as genai publishes them, of small images of one class."""
    cells = pa.array([{"bytes": each, "path": None} for each in images or ()], CELL)
    filled = ({"image": cells, "label": pa.array(["cat"] * len(cells))} if images is not None else {}) | columns
    said = {"genai": json.dumps({"modality": describe(modalities, Image((side, side), "L").plain())})}
    pq.write_table(pa.table(filled).replace_schema_metadata(said), scene.folder / PART, use_dictionary=False)


@provokes(SHOWING, "A picture's name that ends otherwise")
def show_name(scene: Scene) -> None:
    scene.finished()
    scene.genai("show", "job.yaml", "--out", "sheet.jpg")


@provokes(SHOWING, "A part that is not there")
def show_no_part(scene: Scene) -> None:
    scene.genai("show", PART)


@provokes(SHOWING, "A run before its first part", job="")
def show_early(scene: Scene) -> None:
    scene.genai("show", "job.yaml")


@provokes(SHOWING, "A class that the dataset does not have")
def show_class(scene: Scene) -> None:
    scene.finished()
    scene.genai("show", "job.yaml", "--label", "cat")


@provokes(SHOWING, "A class of which nothing was drawn", job=SMALL)
def show_class_undrawn(scene: Scene) -> None:
    scene.run("generate.labels=[1, 2]")
    scene.genai("show", "job.yaml", "--set", "generate.labels=[1, 2]", "--label", "7")


@provokes(SHOWING, "A part without rows")
def show_no_rows(scene: Scene) -> None:
    part(scene, [], label=pa.array([], pa.string()))
    scene.genai("show", PART)


@provokes(SHOWING, "A Parquet file that genai has not published")
def show_foreign(scene: Scene) -> None:
    pq.write_table(pa.table({"image": [png()]}), scene.folder / "photos.parquet")
    scene.genai("show", "photos.parquet")


@provokes(SHOWING, "A part without pictures")
def show_no_pictures(scene: Scene) -> None:
    part(scene, None, text=["a", "b", "c", "d"])
    scene.genai("show", PART)


@provokes(SHOWING, "A part with a picture that is damaged")
def show_picture_damaged(scene: Scene) -> None:
    part(scene, [png(), png(), png()[:40], png()])
    scene.genai("show", PART)


@provokes(SHOWING, "A part that does not say what its rows are")
def show_unsaid(scene: Scene) -> None:
    table = pa.table({"image": [png()]}).replace_schema_metadata({"genai": "{}"})
    pq.write_table(table, scene.folder / PART)
    scene.genai("show", PART)


@provokes(SHOWING, "A file that is no Parquet")
def show_no_parquet(scene: Scene) -> None:
    scene.write(PART, "no Parquet at all")
    scene.genai("show", PART)


@provokes(SHOWING, "A sheet that is too large to open")
def show_large(scene: Scene) -> None:
    flat = io.BytesIO()
    PIL.Image.new("L", (256, 256)).save(flat, "PNG")
    part(scene, [flat.getvalue()] * 1000, 256)
    scene.genai("show", PART, "--count", "1000", "--out", "sheet.png")


@provokes(WATCHING, "A port that is taken")
def web_port(scene: Scene) -> None:
    scene.finished()
    with socket.socket() as taken:
        with contextlib.suppress(OSError):  # somebody else's: it is taken all the same
            taken.bind((HOST, PORT))
            taken.listen()
        scene.genai("status", "--web", "--output", "runs")


@provokes(WATCHING, "A run that goes while it is watched", "Somebody removes a run whose page is open in a browser")
def web_gone(scene: Scene) -> None:
    found = scene.finished()
    run = layout.run_id(found.spec)
    stream = Stream(found.store, run)
    stream.new(lambda _: None)
    for entry in list(found.store.list(layout.run(run, ""))):
        found.store.delete(entry.key)
    stream.new(lambda _: None)
