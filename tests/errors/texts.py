"""What can be wrong with texts: the files that they are in, each of them, and what they are cut into."""

from __future__ import annotations

import sys

from genai.modalities import _symbols
from genai.modalities.text import Text
from genai.sources import Row
from tests.errors.job_file import RULES, _faulty
from tests.errors.provoked import Scene, provokes
from tests.errors.rows import COLUMNS, FINDING, ROWS, check

TEXTS = "data: {source: rows.txt, label: null, modality: {kind: text}}\nmodel: {family: gpt}\n"
JOB = "name: names\noutput: runs\n"


def _file(topic: str, name: str, title: str, file: str, data: str | bytes, *settings: str, run: bool = False) -> None:
    """A file of these bytes, as rows of text; `run` where they have to be read for it."""

    def provoke(scene: Scene) -> None:
        scene.write(file, data)
        scene.write("job.yaml", JOB + TEXTS)
        if run:
            scene.run(f"data.source={file}", *settings)
        else:
            check(scene, file, *settings)

    provoke.__name__ = name
    provokes(topic, title, job=TEXTS)(provoke)


LINES = "".join(f"name {number}\n" for number in range(50))

_file(FINDING, "text_empty", "A file of text without a line", "rows.txt", "\n \n")
_file(
    FINDING,
    "text_for_images",
    "Text where rows are images",
    "rows.txt",
    LINES,
    "data.modality=image",
    "model.family=flow",
)
_file(FINDING, "csv_empty", "A CSV without a header", "rows.csv", "")
_file(FINDING, "csv_bare", "A CSV without a row", "rows.csv", "name\n")
_file(FINDING, "csv_open", "A CSV with a quote that is not closed", "rows.csv", 'name\n"a' + "\n" * (1 << 21))
_file(FINDING, "jsonl_empty", "JSON lines without an object", "rows.jsonl", "[1]\n")
_file(COLUMNS, "text_column", "No column of text, or several", "rows.csv", "first,last\nAda,Lovelace\n")
_file(COLUMNS, "text_named", "No column of that name", "rows.csv", "first\nAda\n", "data.modality.column=last")
_file(
    COLUMNS,
    "csv_twice",
    "A column that a CSV has twice",
    "rows.csv",
    "name,name\na,b\n",
    "data.modality=tests.tokens:Every",
    run=True,
)
_file(ROWS, "text_no_utf8", "A text in another encoding", "rows.txt", LINES.encode() + b"caf\xe9\n", run=True)
_file(ROWS, "text_nul", "A text with a NUL", "rows.txt", LINES + "a\0b\n", run=True)
_file(ROWS, "text_long", "A text that is longer than it may be", "rows.txt", LINES, "data.modality.length=6", run=True)
_file(ROWS, "text_huge", "A text without an end", "rows.txt", LINES + "a" * (1 << 22 | 1), run=True)
_file(ROWS, "text_null", "A cell without text", "rows.csv", 'text,n\nAda,1\n"",2\n', run=True)
_file(ROWS, "text_none", "Not one text", "rows.csv", 'text,n\n"",1\n', run=True)
_file(ROWS, "csv_cells", "A record with more cells than columns", "rows.csv", "text,n\nAda,1\nBob,2,3\n", run=True)
_file(ROWS, "jsonl_type", "A value of another type", "rows.jsonl", '{"text": "a"}\n' * 1000 + '{"text": 7}\n', run=True)
_faulty(RULES, "text_family", "A family that makes no text", "model: {family: vae}\n", "data.modality=text")
_faulty(
    RULES,
    "text_heads",
    "Heads that do not divide the width",
    "",
    "data.modality=text",
    "model={family: gpt, width: 18}",
)
_faulty(RULES, "windows_bare", "Windows without a length", "", "data.modality={kind: text, unit: window}")


@provokes(ROWS, "Texts of too many characters", job=TEXTS)
def characters_many(scene: Scene) -> None:
    scene.patch.setattr(_symbols, "CHARACTERS", 5)
    scene.write("rows.txt", LINES)
    scene.write("job.yaml", JOB + TEXTS)
    scene.run("data.modality={kind: text, symbols: characters}")


@provokes(ROWS, "A character that was not learned", "`modality.decode('ß')`, with a checkpoint's modality")
def character_unknown(scene: Scene) -> None:
    Text(symbols="characters").settle([Row("abc", None, "")]).decode("ß")


@provokes(ROWS, "Pieces of words without the library that learns them", job=TEXTS)
def bpe_library(scene: Scene) -> None:
    scene.patch.setitem(sys.modules, "tokenizers", None)
    scene.write("rows.txt", LINES)
    scene.write("job.yaml", JOB + TEXTS)
    scene.run("data.modality={kind: text, symbols: bpe}")
