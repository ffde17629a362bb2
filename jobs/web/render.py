"""Pages as HTML: sections that are made anew, and the frame that they stand in. Everything is escaped."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from jobs import chart
from jobs.web.kept import Kept
from jobs.web.listing import Run
from jobs.web.site import Room, Site

if TYPE_CHECKING:
    from jinja2 import Environment

STATIC = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_AREA = {name: getattr(chart, name) for name in ("WIDTH", "HEIGHT", "LEFT", "RIGHT", "TOP", "BOTTOM")}


def file(name: str) -> bytes:
    """One of the files of the page."""
    return resources.files("jobs.web").joinpath(name).read_bytes()


def run_page(room: Room) -> dict[str, Any]:
    """The page of a run: its title, whether more is to be expected, and its sections."""
    for kept in (room.seen, room.samples, room.runs):
        kept.look(0)  # each begins in a thread of its own
    seen, samples, runs = room.seen.look(), room.samples.look(0.5), room.runs.look(0.5)
    others = None if runs is None else tuple(run for run in runs if run.run != room.run)
    report = seen is not None and seen.state.name == "done" and _has_report(room, runs)
    place = room.store.locate("runs").removesuffix("/runs")
    title = f"{seen.sign} {seen.state.word}: {seen.job}" if seen else room.run
    make = _macro
    return {
        "title": title,
        "live": seen is None or seen.state.live,
        "sections": {
            "trouble": make("trouble", room.seen.trouble, place),
            "head": make("head", seen, room.run, place),
            "state": make("state", seen, report),
            "facts": make("facts", seen),
            "quarantined": make("quarantined", seen),
            "stages": make("stages", seen),
            "samples": make("samples", samples, room.run, room.samples.trouble),
            "charts": make("charts", seen),
            "workers": make("workers", seen),
            "failures": make("failures", seen),
            "files": make("files", seen),
            "runs": make("runs", others, "Other runs of this job", ""),
        },
    }


def _has_report(room: Room, runs: tuple[Run, ...] | None) -> bool:
    return any(run.run == room.run and run.report for run in runs or ())


def list_page(site: Site) -> dict[str, Any]:
    """The page of an output."""
    runs = site.runs.look()
    place = site.store.locate("x")[:-2]
    return {
        "title": f"genai: runs in {place}",
        "live": True,
        "sections": {
            "trouble": _macro("trouble", site.runs.trouble, place),
            "runs": _macro("runs", _unless(site.runs, runs), f"Runs in {place}", place),
        },
    }


def _unless(kept: Kept[tuple[Run, ...]], runs: tuple[Run, ...] | None) -> tuple[Run, ...] | None:
    """Nothing is said of runs that the store does not tell."""
    return () if runs is None and kept.trouble else runs


def document(page: dict[str, Any], live: str, *, top: bool = False) -> bytes:
    """The whole of it; `live` is the path where it is asked for again."""
    from markupsafe import Markup

    sections = {name: Markup(html) for name, html in page["sections"].items()}  # noqa: S704  # our own templates' output
    frame = _environment().from_string(file("frame.html.j2").decode())
    return frame.render(title=page["title"], sections=sections, live=live, top=top).encode()


def words(title: str, text: str) -> bytes:
    """A page that says one thing."""
    from markupsafe import Markup

    html = Markup("<h1>{}</h1><p>{}</p>").format(title, text)
    frame = _environment().from_string(file("frame.html.j2").decode())
    return frame.render(title=title, sections={"words": html}, live="", top=False).encode()


def _macro(name: str, *arguments: Any) -> str:
    return str(_macros()[name](*arguments)).strip()


@cache
def _macros() -> dict[str, Callable[..., object]]:
    module = _environment().from_string(file("sections.html.j2").decode()).module
    return vars(module)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["number"] = chart.number
    environment.globals["area"] = _AREA
    return environment
