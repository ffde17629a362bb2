"""The page of a run: what it shows, of which run, and of whom it believes nothing."""

import json
import shutil
from dataclasses import replace

import pytest

from genai.errors import Incomplete
from jobs import layout
from jobs.driver import run as drive
from jobs.events import EventLog
from jobs.lease import Holder
from jobs.survey import survey
from tests.jobs.published import published
from tests.jobs.scripted import ScriptedCrew, job
from tests.jobs.web.conftest import Visible, begin, serving

HOSTILE = """<script>alert("1")</script>'"&{{ 7 * 7 }}<img src=x onerror=y>"""


def shown(reader, path=None):
    return Visible(reader.text(path)).text


def test_a_live_run_is_shown(live, spec):
    """Who is at work, how far it is, how fast, for how long still, by stage and by worker."""
    _, run = live
    with serving(run, spec.output) as reader:
        text = shown(reader)

    assert "At work" in text
    for figure in ("6 of 10 parts", "60 %", "50 rows/s", "about 4.0 s left", "100 of 100 steps", "4 workers", "hand-1"):
        assert figure in text
    assert "publish" not in text


def test_news_of_a_live_run_comes_without_a_reload(live, spec):
    """What the page asks for again has changed, in the sections that changed alone; unchanged it costs nothing."""
    store, run = live
    with serving(run, spec.output) as reader:
        path = reader.server.site.start + "/live"
        before, body = reader(path)
        same, nothing = reader(path, If_None_Match=before.headers["ETag"])
        begin(store, run, parts=10, done=9)
        reader.look(again=True)
        after = reader.sections()

    assert (same.status, nothing) == (304, b"")
    assert "9 of 10 parts" in after["stages"]
    assert after["head"] == json.loads(body)["sections"]["head"]


def test_a_finished_run_is_shown_with_its_samples(spec):
    """Newest samples by class, as pictures that are served; its report; nobody at work."""
    found = published(spec)
    found.store.put(layout.dataset(found.dataset_key, "report.html"), b"<p>the report</p>")
    with serving(layout.run_id(spec), spec.output) as reader:
        page = Visible(reader.text())
        pictures = [attrs for tag, attrs in page.tags if tag == "img"]
        answers = [reader(picture["src"]) for picture in pictures]
        report = reader(f"{reader.server.site.start}/report")

    assert "Done" in page.text
    assert "40" in page.text
    told = [attrs.get("aria-label") for _, attrs in page.tags if attrs.get("role") == "img"]
    assert [label for label in told if label] == ["8 synthetic samples of a", "8 synthetic samples of b"]
    assert len(pictures) == 16
    assert all(
        body.startswith(b"\x89PNG") and answer.headers["Content-Type"] == "image/png" for answer, body in answers
    )
    assert report[1] == b"<p>the report</p>"
    assert "sandbox" in report[0].headers["Content-Security-Policy"]


def test_shards_that_were_given_up_are_shown_with_their_errors(spec):
    """And the run as incomplete, with the command that goes on."""
    found, run = survey(spec), layout.run_id(spec)
    faults = {(2, tried): ValueError(f"not finite: {HOSTILE}") for tried in (1, 2, 3)}
    found.store.put(layout.run(run), spec.to_yaml().encode())
    with EventLog(found.store, run) as log:
        log.note("run_started", run=run, crew="local", command="genai run my.yaml")
        with pytest.raises(Incomplete):
            drive(found, ScriptedCrew(faults), log)
    with serving(run, spec.output) as reader:
        text = shown(reader)

    assert "Incomplete" in text
    assert "1 shard could not be made" in text
    assert f"not finite: {HOSTILE}" in text
    assert "genai run my.yaml" in text


def test_nothing_of_the_store_is_taken_for_markup(spec):
    """Names and errors are text, wherever they stand: no element and no attribute comes of them."""
    store, run = layout.job_store(spec), layout.run_id(spec)
    store.put(layout.run(run), b"no: job")
    begin(store, run, parts=3, done=1)
    with EventLog(store, run) as log:
        log.note("run_started", run=HOSTILE, crew=HOSTILE, command=HOSTILE)
        log.note("stage_started", stage=HOSTILE, key=HOSTILE, place=HOSTILE, parts=2)
        log.note("part_done", stage=HOSTILE, part=HOSTILE, rows=1, done=1, parts=2, worker=HOSTILE, seconds={})
        log.note("worker_lost", stage=HOSTILE, worker=HOSTILE, error=HOSTILE)
        log.note("shard_quarantined", stage=HOSTILE, shard=HOSTILE, error=HOSTILE)
        log.note("train_validated", step=1, **{HOSTILE: 1.0})
        log.note("train_validated", step=2, **{HOSTILE: 2.0})
        log.note("run_failed", error=HOSTILE, exit_code=1)
    store.put(layout.run(run, "result.json"), json.dumps({"state": HOSTILE, "logical_date": HOSTILE}).encode())
    with serving(spec.output) as reader:
        reader.server.site.room(run).seen.look(60)
        page, listed = Visible(reader.text(f"/runs/{run}")), Visible(reader.text("/"))

    assert page.text.count(HOSTILE) >= 9
    for found in (page, listed):
        scripts = [attrs for tag, attrs in found.tags if tag == "script"]
        assert scripts == [{"src": "/page.js", "defer": None}]
        assert not any(name.startswith("on") for _, attrs in found.tags for name in attrs)
        assert "img" not in {tag for tag, _ in found.tags}


def test_a_page_asks_nothing_of_any_other_server(spec):
    """Every address on it is of this server."""
    published(spec)
    with serving(layout.run_id(spec), spec.output) as reader:
        pages = [reader.text(), reader.text("/"), reader.text("/page.css"), reader.text("/page.js")]

    for page in pages:
        assert not [word for word in ("//", "@import", "url(") if word in page.replace("// Keeps", "")]


def test_what_is_not_there_yet_is_said(spec):
    """Of a job that has not begun, with the stages that it will have; of an output without runs."""
    with serving(None, spec.output) as reader:
        listed = shown(reader)
    (layout.job_store(spec)).put(layout.run(layout.run_id(spec)), spec.to_yaml().encode())
    with serving(layout.run_id(spec), spec.output) as reader:
        text = shown(reader)

    assert "Nothing there yet" in listed
    assert "Nothing there yet" in text
    for stage in ("prepare", "train", "generate"):
        assert stage in text


def test_a_store_that_goes_away_is_told_and_what_was_known_stays(live, spec, tmp_path):
    """The page goes on with what it knew, says why it may be old, and is whole again when the store is."""
    _, run = live
    with serving(run, spec.output) as reader:
        assert "6 of 10" in reader.sections()["stages"]
        shutil.move(tmp_path / "runs", tmp_path / "away")
        reader.look(again=True)
        away = reader.sections()
        shutil.move(tmp_path / "away", tmp_path / "runs")
        reader.look(again=True)
        back = reader.sections()

    assert "The store cannot be reached" in away["trouble"]
    assert "not there any more" in away["trouble"]
    assert "6 of 10" in away["stages"]
    assert back["trouble"] == ""
    assert "At work" in back["state"]


ENDS = {
    "stopped": ("run_failed", {"error": "stopped by SIGTERM", "exit_code": 143}, "Stopped"),
    "out of time": ("run_failed", {"error": "x", "exit_code": 124}, "Out of time"),
    "failed": ("run_failed", {"error": "no space left", "exit_code": 1}, "Failed"),
    "done": ("run_done", {}, "Done"),
    "without a word": ("waiting", {"on": "x"}, "Ended without a word"),
}


@pytest.mark.parametrize("how", ENDS)
def test_each_end_has_its_word(spec, how):
    """With the error, and what is safe; a run that is over looks for nothing more."""
    kind, fields, word = ENDS[how]
    store, run = layout.job_store(spec), layout.run_id(spec)
    store.put(layout.run(run), spec.to_yaml().encode())
    begin(store, run, parts=10, done=2)
    with EventLog(store, run) as log:
        log.note(kind, **fields)
    with serving(run, spec.output) as reader:
        told = json.loads(reader.text(f"/runs/{run}/live"))

    assert word in told["sections"]["state"]
    assert "at work" not in told["sections"]["stages"]
    assert "left" not in told["sections"]["stages"] + told["sections"]["facts"]
    assert fields.get("error", "") in told["sections"]["state"]
    assert (how == "done") != ("To go on" in told["sections"]["state"])
    assert told["live"] is False


def test_a_driver_elsewhere_that_is_silent_is_told_as_that(spec):
    """By the beats of its lease, on the clock of who looks; its own clock is not asked."""
    from jobs.web.watch import Watch

    store, run, now = layout.job_store(spec), layout.run_id(spec), [0.0]
    begin(store, run, parts=10, done=2)
    away = replace(Holder.here(run), machine="another", host="node-7")
    store.put(layout.lease(run, 1), away.to_json())
    watch = Watch(store, run, spec, clock=lambda: now[0])
    first = watch.look().state.word
    now[0] = 31.0
    silent = watch.look().state
    store.put(layout.lease(run, 1), replace(away, beat=1).to_json())

    assert (first, silent.word, watch.look().state.word) == ("At work", "No sign of life", "At work")
    assert "node-7" in silent.sentence


def test_a_price_makes_hours_a_cost(live, spec):
    """370 s of workers at 36 an hour."""
    with serving(live[1], spec.output, price=36.0) as reader:
        facts = reader.sections()["facts"]

    assert "3.70" in facts
    assert "cost, at 36 a worker-hour" in facts


def test_the_runs_of_an_output_are_listed_with_their_reports(spec):
    """The newest first; one that was begun and not ended is told as that."""
    found = published(spec)
    found.store.put(layout.run("tiny-0123456789ab"), b"")
    with serving(spec.output) as reader:
        page = Visible(reader.text())

    links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    run = f"/runs/{layout.run_id(spec)}"
    assert links == ["/runs/tiny-0123456789ab", run, f"{run}/report"]
    assert "begun, not over" in page.text


@pytest.mark.s3
@pytest.mark.parametrize("s3_server", ["moto"], indirect=True)
def test_a_run_in_a_bucket_is_shown(s3_uri):
    """Its events, its pictures, its place in the list."""
    spec = job(output=f"{s3_uri}/runs")
    published(spec)
    with serving(layout.run_id(spec), spec.output) as reader:
        text, listed = reader.text(), reader.text("/")

    assert "Done" in text
    assert "synthetic samples of b" in text
    assert layout.run_id(spec) in listed
