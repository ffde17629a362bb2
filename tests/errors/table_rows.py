"""What can be wrong with the rows of a table: its columns, and what all rows say of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from genai.modalities.table import Table
from genai.sources import Row
from tests.errors.provoked import Scene, provokes

TABLES = "Data: tables"
KIND = "data.modality={kind: table}"
NUMBERS = [n / 4 for n in range(50)]


def check(scene: Scene, modality: str = "", **columns: object) -> None:
    """`genai validate` of rows.parquet; by default fifty rows of two columns, and a label."""
    _write(scene, columns)
    sets = ["data.source=rows.parquet", f"data.modality={{kind: table{modality}}}"]
    scene.genai("validate", "job.yaml", *(word for one in sets for word in ("--set", one)))


def read(scene: Scene, modality: str = "", **columns: object) -> None:
    """`genai run` of it."""
    _write(scene, columns)
    scene.run("data.source=rows.parquet", f"data.modality={{kind: table{modality}}}")


def settled(**columns: list[Any]) -> Table:
    rows = (dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True))
    return Table().settle(Row(row, None, "") for row in rows)


def _write(scene: Scene, columns: dict[str, object]) -> None:
    filled = {"price": NUMBERS, "plan": ["gold", "tin"] * 25, "label": ["cat", "dog"] * 25} | columns
    kept = {name: held for name, held in filled.items() if held is not None}
    pq.write_table(pa.table(kept), scene.folder / "rows.parquet")


@provokes(TABLES, "A column that is not there", job="")
def table_missing(scene: Scene) -> None:
    check(scene, ", only: [price, plans]")


@provokes(TABLES, "No column but the label's", job="")
def table_bare(scene: Scene) -> None:
    check(scene, price=None, plan=None)


@provokes(TABLES, "A column that a dataset has of its own", job="")
def table_ours(scene: Scene) -> None:
    check(scene, index=list(range(50)))


@provokes(TABLES, "A column that a table has no numbers for", job="")
def table_kind(scene: Scene) -> None:
    check(scene, photo=[b"\x89PNG"] * 50)


@provokes(TABLES, "A column of one value", job="")
def table_constant(scene: Scene) -> None:
    read(scene, country=["DE"] * 50)


@provokes(TABLES, "A column without values", job="")
def table_empty(scene: Scene) -> None:
    read(scene, note=pa.nulls(50, pa.string()))


@provokes(TABLES, "A column of names, or of numbers with something else among them", job="")
def table_many(scene: Scene) -> None:
    read(
        scene,
        price=[0.5] * 1100, plan=["gold", "tin"] * 550, label=["cat", "dog"] * 550,
        age=["unknown" if n == 17 else str(n) for n in range(1100)],
    )  # fmt: skip


@provokes(TABLES, "Times with a zone, and times without", job="")
def table_zones(scene: Scene) -> None:
    read(scene, seen=["2026-11-26T10:00", "2026-11-26T10:00+01:00"] * 25)


@provokes(TABLES, "A number that is none", job="")
def table_no_number(scene: Scene) -> None:
    read(scene, ", kinds: {age: number}", age=["old" if n == 17 else str(n) for n in range(50)])


@provokes(TABLES, "A text that is not UTF-8", job="")
def table_text(scene: Scene) -> None:
    read(
        scene, city=pa.array([b"K\xf6ln" if n == 17 else (b"Bonn", b"Ulm")[n % 2] for n in range(50)]).view(pa.string())
    )


@provokes(TABLES, "Only texts that are not UTF-8", job="")
def table_texts(scene: Scene) -> None:
    read(scene, city=pa.array([b"K\xf6ln"] * 50).view(pa.string()))


@provokes(TABLES, "A text that is too long for a category", job="")
def table_long(scene: Scene) -> None:
    read(scene, city=["x" * 5000 if n == 17 else "ab"[n % 2] for n in range(50)])


@provokes(TABLES, "A kind for a column that is not there", job="")
def table_kinds(scene: Scene) -> None:
    read(scene, ", kinds: {prize: number}")


@provokes(TABLES, "More columns than a table may have", job="")
def table_wide(scene: Scene) -> None:
    read(scene, **{f"c{n}": NUMBERS for n in range(1000)})


@provokes(TABLES, "Columns that take too much to describe", job="")
def table_large(scene: Scene) -> None:
    read(scene, **{f"c{n}": [f"{n} {m}" * 50 for m in range(50)] for n in range(100)})


@provokes(TABLES, "A table under a job of pictures", job="")
def table_as_pictures(scene: Scene) -> None:
    scene.genai("validate", "job.yaml", "--set", "data.source=sklearn://wine")


@provokes(TABLES, "A convolution over columns", job="")
def table_convolution(scene: Scene) -> None:
    scene.genai("validate", "job.yaml", "--set", KIND, "--set", "model.backbone=conv")


@provokes(TABLES, "Images of rows of numbers", job="")
def table_images(scene: Scene) -> None:
    scene.genai("validate", "job.yaml", "--set", KIND, "--set", "publish=[images]")


@provokes(TABLES, "A table settled by one row", "`Table().resolve({'x': 1})`, as from a notebook")
def table_one_row(scene: Scene) -> None:
    Table().resolve({"x": 1})


@provokes(TABLES, "A table settled by no row", "`Table().settle([])`, as from a notebook")
def table_no_rows(scene: Scene) -> None:
    Table().settle([])


@provokes(TABLES, "A table settled by rows without columns", "`Table().settle([Row({}, None, '')])`")
def table_no_columns(scene: Scene) -> None:
    Table().settle([Row({}, None, "")])


@provokes(TABLES, "A value that no table has", "`Table().settle(…)` with rows of lists, as from a notebook")
def table_lists(scene: Scene) -> None:
    settled(x=[[1], [2]])


@provokes(TABLES, "A further row without a value", "`table.decode({})`, with a table that lacks no value")
def table_further_none(scene: Scene) -> None:
    settled(x=[1, 2]).decode({})


@provokes(TABLES, "A further row with another category", "`table.decode({'plan': 'lead'})`")
def table_further_category(scene: Scene) -> None:
    settled(plan=["gold", "tin"]).decode({"plan": "lead"})


@provokes(TABLES, "A further row with a time in another zone's form", "`table.decode(…)` with a time without a zone")
def table_further_zone(scene: Scene) -> None:
    settled(seen=["2026-11-26T10:00Z", "2026-11-27T10:00Z"]).decode({"seen": datetime(2026, 11, 26)})  # noqa: DTZ001


@provokes(TABLES, "A further row that is no JSON", "`table.decode(b'x: 1')`")
def table_no_json(scene: Scene) -> None:
    settled(x=[1, 2]).decode(b"x: 1")


@provokes(TABLES, "A further row that is no object", "`table.decode(b'[1]')`")
def table_no_object(scene: Scene) -> None:
    settled(x=[1, 2]).decode(b"[1]")
