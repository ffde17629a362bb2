"""What a job says for its dataset's card and catalogue entry, which the run can't know: the part `card`, and the kinds
of the texts that `data` says of its rows. It changes no sample, so it takes part in no digest and in no key.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field

from jobs.document import printable
from jobs.form import Part, rule
from jobs.notify import is_web_url

__all__ = ["Card", "Line", "WebPage"]


def _line(text: str) -> str:
    text = text.strip()
    if not text or not text.isprintable():
        raise rule("found no line of text; allowed: some words on one line")
    return text


def _web_page(url: str) -> str:
    odd = set(url) & set('<>"\\^`{|}')  # no characters of a URL, and some are markup's
    if odd or not is_web_url(url) or "@" in url.split("/")[2]:
        raise rule("found no address of a public page; allowed: http://… or https://…, without a user or password")
    return url


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise rule(f"found {printable(text)!r}; allowed: a day such as 2026-11-25") from None


Line = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_line)]
WebPage = Annotated[str, Field(max_length=2000), AfterValidator(_web_page)]


class Card(Part):
    """What the dataset's card says beside what is known of the run."""

    creator: Line | None = Field(None, description="Who publishes the dataset.")
    url: WebPage | None = Field(None, description="Where it is published.")
    published: Annotated[str, AfterValidator(_day)] | None = Field(
        None, description="Day of its publication; null: the logical date, if there is one."
    )
