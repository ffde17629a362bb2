"""The page: it holds what it was given, nothing else, and asks nothing of anyone."""

import base64
import io
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import PIL.Image
import pytest

from genai import png
from genai.formats import About, Samples
from genai.formats.parquet import Parquet
from genai.look import Look
from genai.modalities.image import Image
from genai.modalities.video import Video
from jobs import report
from jobs.report import (
    ClassCount,
    Counts,
    Curve,
    Exhibit,
    Files,
    Grid,
    GridRow,
    Line,
    Measure,
    Page,
    Quarantined,
    Stage,
    reading,
    render,
)

HOSTILE = """<script>alert("1")</script>'"&{{ 7 * 7 }}</style>"""
PIXELS = np.random.default_rng(0).integers(0, 256, (200, 28, 28, 1), dtype=np.uint8)
PICTURES = [Exhibit(Look(data), index) for index, data in enumerate(png.encode(PIXELS))]
BARE = Page("t", "j", "genai run j.yaml", "today", "It is done.")


def full():
    rows = [
        GridRow(str(k), tuple(PICTURES[20 * k : 20 * k + 16]), tuple(PICTURES[20 * k + 16 :][:4])) for k in range(10)
    ]
    return Page(
        "Ten digits",
        "digits",
        "genai run job.yaml --set seed=7",
        "1 May 2026",
        "Made 9,871 of 10,003.",
        Counts(10003, 9871, {"duplicate": 31}, {"WorkerError": 101}, (ClassCount("zero", 5001, 4937, 811),)),
        (Grid("Samples", tuple(rows), "A note."),),
        (Curve("Training loss", (Line("training", ((1, 2.0), (2, 0.3217))),)),),
        (Measure("accuracy", "96.8 %", "96.1 to 97.4 %", "On real digits.", passed=True),),
        (Stage("prepare", 1.25, 10003, reused=True), Stage("train", 171.4, 256077)),
        {"run": "run-17", "dataset digest": "d" * 64},
        {"torch": "2.13.0"},
        Files("/data/here", 12, 23456789, reading("/data/here")),
        (Quarantined("part-00003", "worker 2 died"),),
        ("Second attempt.",),
    )


class Tags(HTMLParser):
    """All tags with their attributes, and the text between them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.open = [], "", []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "meta", "link", "path", "circle", "rect"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data if self.open and self.open[-1] != "style" else ""


def test_the_page_asks_nothing_of_any_server():
    """No script, no link elsewhere, no import in a style; and a policy that forbids all of these."""
    text = render(full())
    for tag, attributes in Tags(text).tags:
        assert tag not in ("script", "iframe", "object", "base", "form")
        assert not any(name.startswith("on") for name in attributes)
        for name in {"src", "href", "srcset", "action", "xlink:href"} & set(attributes):
            assert attributes[name].startswith("data:")
    assert not re.search(r"https?:|url\(|@import", text)
    assert "default-src 'none'" in text


@pytest.mark.parametrize("page", [BARE, full()], ids=["bare", "full"])
def test_all_tags_are_closed(page):
    """In the order in which they were opened."""
    assert Tags(render(page)).open == []


def test_hostile_names_stay_text():
    """Labels, errors and paths come from anywhere: none becomes a tag or a template."""
    row = GridRow(HOSTILE, (PICTURES[0],), (PICTURES[1],))
    page = Page(
        *[HOSTILE] * 5,
        Counts(1, 1, {HOSTILE: 1}, {HOSTILE: 1}, (ClassCount(HOSTILE, 1, 1),)),
        (Grid(HOSTILE, (row,), HOSTILE),),
        (Curve(HOSTILE, (Line(HOSTILE, ((0, 1),)),), HOSTILE, HOSTILE, HOSTILE),),
        (Measure(HOSTILE, HOSTILE, HOSTILE, HOSTILE),),
        (Stage(HOSTILE, 1.0),),
        {HOSTILE: HOSTILE},
        {HOSTILE: HOSTILE},
        Files(HOSTILE, 1, 1, reading(HOSTILE)),
        (Quarantined(HOSTILE, HOSTILE),),
        (HOSTILE,),
    )
    found = Tags(render(page))
    assert {tag for tag, _ in found.tags} <= {tag for tag, _ in Tags(render(full())).tags}
    assert found.text.count(HOSTILE) >= 25
    assert "49" not in found.text


@pytest.mark.parametrize(
    "fact",
    ["Ten digits", "genai run job.yaml --set seed=7", "1 May 2026", "Made 9,871 of 10,003.", "10,003", "9,871", "31",
     "101", "5,001", "4,937", "811", "0.3217", "96.8 %", "96.1 to 97.4 %", "On real digits.", "2 min 51 s", "256,077",
     "1,494", "run-17", "d" * 64, "torch 2.13.0", "/data/here", "12 Parquet parts", "23.5 MB", "part-00003",
     "worker 2 died", "Second attempt.", "A note.", "duplicate", "WorkerError"],
)  # fmt: skip
def test_whatever_is_given_stands_on_the_page(fact):
    """As text that a person can find."""
    assert fact in Tags(render(full())).text


def test_pictures_are_in_the_page_as_they_are():
    """Each in its place, its size and its index beside it."""
    images = [attributes for tag, attributes in Tags(render(full())).tags if tag == "img"]
    assert len(images) == 200
    for attributes, pixels in zip(images, PIXELS, strict=True):
        shown = PIL.Image.open(io.BytesIO(base64.b64decode(attributes["src"].partition(",")[2])))
        assert (np.asarray(shown) == pixels[..., 0]).all()
    assert (images[17]["alt"], images[17].get("title")) == ("real 0", None)
    assert (images[20]["alt"], images[20]["title"], images[20]["width"]) == ("synthetic 1", "sample 20", "28")


def test_the_page_is_small():
    """Noise of ten classes, which compresses worse than any drawing, is well under 400 kB."""
    assert len(render(full()).encode()) < 350_000


def test_equal_pages_give_equal_bytes():
    """No clock and no chance is in the page."""
    assert render(full()) == render(full())


@pytest.mark.parametrize(
    ("field", "heading"),
    [("curves", "Training"), ("measures", "Measures of worth"), ("quarantined", "Not done"), ("grids", "Samples"),
     ("stages", "Timings"), ("identities", "Identities"), ("files", "Read the data"), ("notes", "Notes")],
)  # fmt: skip
def test_a_section_without_content_is_left_out(field, heading):
    """Nothing is announced that is not there."""
    assert f"<h2>{heading}" in render(full()).replace(' class="bad"', "")
    page = replace(full(), **{field: getattr(BARE, field)})
    assert f"<h2>{heading}" not in render(page).replace(' class="bad"', "")


def test_unlabelled_samples_are_one_block_without_names():
    """Real ones beside them, if there are any."""
    text = render(replace(BARE, grids=(Grid("g", (GridRow("", tuple(PICTURES[:40])),)),)))
    assert 'class="grid nameless"' in text
    assert "--columns:16;" in text
    assert "real ones" not in Tags(text).text


@pytest.mark.parametrize(
    ("side", "cell", "phone"), [(8, 56, 40.0), (28, 56, 42.0), (32, 32, 32.0), (64, 64, 32.0), (300, 112, 42)]
)
def test_pictures_grow_by_whole_factors(side, cell, phone):
    """A pixel stays a square; on a phone it may be half a CSS pixel."""
    picture = Exhibit(Look(png.encode(np.zeros((1, side, side, 1), np.uint8))[0]))
    assert f"--cell:{cell}px;--phone-cell:{phone}px;" in render(
        replace(BARE, grids=(Grid("g", (GridRow("", (picture,)),)),))
    )


def _players(sizes):
    """A page of rows with sounds of so many bytes."""
    rows = tuple(
        GridRow(str(k), (Exhibit(Look(PICTURES[0].look.png, sound=bytes(size))),)) for k, size in enumerate(sizes)
    )
    return render(replace(BARE, grids=(Grid("g", rows),)))


def test_sounds_beyond_what_a_page_may_hold_are_left_out():
    """Their pictures stay, the page says it, and its size is bounded; where there is room, all are there."""
    assert _players([100, 200]).count("<audio") == 2
    page = _players([report.MOVING_BYTES // 5, report.MOVING_BYTES])
    assert (page.count("<audio"), page.count("<img")) == (1, 2)
    assert "Only some have a sound or move" in page
    assert len(page) < report.MOVING_BYTES


def test_a_clip_moves_in_its_own_size():
    """An animated WebP in the page, in whole multiples of a frame's sides."""
    video = Video(3, (10, 30), "L", 8.0)
    (look,) = video.looks(np.zeros((1, 3, 10, 30, 1), np.uint8))
    (image,) = (a for tag, a in Tags(render(replace(BARE, grids=(_row(Exhibit(look)),)))).tags if tag == "img")
    assert image["src"] == "data:image/webp;base64," + base64.b64encode(look.motion).decode()
    assert (image["width"], image["height"]) == ("30", "10")
    assert "--cell:90px;" in render(replace(BARE, grids=(_row(Exhibit(look)),)))


def _row(*exhibits):
    return Grid("g", (GridRow("", exhibits),))


def test_the_snippets_read_the_data(tmp_path, monkeypatch):
    """They run as they stand, from a folder with a quote in its name (that of datasets: tests/genai/formats)."""
    folder = tmp_path / "ada's" / "data"
    folder.mkdir(parents=True)
    about = About(Image(size=28, mode="L"), "c", 1, "k", "g")
    (folder / "part-0.parquet").write_bytes(Parquet().encode(Samples(np.arange(200), None, PIXELS), about))
    snippets = {snippet.name: snippet.code for snippet in reading(str(folder), "image", "a PIL image")}
    for name in ("DuckDB", "Polars"):
        *before, last = snippets[name].splitlines()
        names = {}
        exec("\n".join(before), names)
        assert len(eval(last, names)) == 5


def test_the_snippets_of_a_bucket_say_what_they_need():
    """Keys come from the usual places."""
    text = "".join(snippet.code for snippet in reading("s3://bucket/digits/data/"))
    assert text.count("s3://bucket/digits/data/*.parquet") == 3
    assert "credential_chain" in text
    assert "pip install s3fs" in text


def test_importing_the_page_is_light():
    """Neither the template engine nor any array library is loaded before a page is made."""
    code = "import jobs.report, sys; print({'jinja2', 'torch', 'ray', 'numpy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"
