"""Values of a table's cells, typed or as text, and the kinds that each may be of.

Text counts as a number only if it is written as one: `007` is none, since a postal code would lose its zeros.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import isfinite, isnan
from typing import Any, Literal

from genai.errors import DataError

Kind = Literal["boolean", "number", "date", "datetime", "category"]
KINDS: tuple[Kind, ...] = ("boolean", "number", "date", "datetime", "category")  # in the order in which they are tried

EXACT = 1 << 53  # whole numbers below are exact in float64
LONGEST = 1000  # characters of a text
DAY = 86_400_000_000  # microseconds

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_PADDED = re.compile(r"[+-]?0[0-9]", re.ASCII)  # as codes are
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MOMENT = re.compile(rf"{_DATE.pattern}(?:[T ][0-9:]{{5,8}}(?:\.[0-9]{{1,9}})?(?: ?Z|[+-][0-9:]{{2,8}})?)?", re.ASCII)
_TRUTH = {"true": 1.0, "false": 0.0}
_HALF = re.compile("[\ud800-\udfff]")  # half a character, which JSON can say
_MICRO = timedelta(microseconds=1)
_START, _START_UTC = datetime(1970, 1, 1), datetime(1970, 1, 1, tzinfo=UTC)  # noqa: DTZ001  # without a zone on purpose


def is_absent(value: Any, blank: tuple[str, ...]) -> bool:
    """Whether it says that nothing is there."""
    return value is None or (isinstance(value, float) and isnan(value)) or (isinstance(value, str) and value in blank)


def kinds_of(value: Any) -> tuple[Kind, ...]:
    """The kinds that a value may be of, in the order of `KINDS`. Raises DataError where it is none of a table."""
    if isinstance(value, str):
        return tuple(kind for kind in KINDS if _is_written_as(kind, value))
    if isinstance(value, bool):
        return "boolean", "category"
    if isinstance(value, int | float | Decimal):
        exact = isinstance(value, float | Decimal) or abs(value) < EXACT
        return ("number", "category") if exact else ("category",)
    if isinstance(value, datetime):
        return ("datetime", "category") if abs(_micros(value)) <= EXACT else ("category",)
    if isinstance(value, date):
        return "date", "datetime", "category"
    if isinstance(value, bytes):
        raise DataError("found bytes that are no text in UTF-8")
    raise DataError(f"found a {type(value).__name__}; allowed: numbers, booleans, texts, dates and times")


def reading(kind: Kind, value: Any, column: str) -> float | str:
    """A value as one of a kind: a category's text, or a number. Raises DataError, naming the column."""
    try:
        return text_of(value) if kind == "category" else _READ[kind](value)
    except (ValueError, OverflowError, TypeError, KeyError, DataError) as error:
        why = f" ({error})" if isinstance(error, DataError) else ""
        shown = repr(value if len(str(value)) <= 100 else str(value)[:100])
        raise DataError(f"column {column!r}: found {shown}{why}; allowed: {_ALLOWED[kind]}") from error


def text_of(value: Any) -> str:
    """A value as a category."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date):  # a datetime is one
        return value.isoformat()
    if isinstance(value, bytes) or _HALF.search(text := str(value)):
        raise DataError("no text in UTF-8")
    if len(text) > LONGEST:
        raise DataError(f"a text of {len(text):,} characters")
    return text


def is_whole(value: Any) -> bool:
    """Whether it is a whole number by its type, or by how it is written."""
    if isinstance(value, str):
        return not set(value) & set(".eE")
    return isinstance(value, int)


def is_zoned(value: Any) -> bool:
    """Whether a moment says its time zone."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return isinstance(moment, datetime) and moment.tzinfo is not None


def _is_written_as(kind: Kind, text: str) -> bool:
    if kind == "boolean":
        return text.lower() in _TRUTH
    if kind == "number":
        return _is_number(text.strip())
    if kind == "category":
        return True
    if (_DATE if kind == "date" else _MOMENT).fullmatch(text) is None:
        return False
    try:
        return abs(_micros(datetime.fromisoformat(text))) <= EXACT
    except ValueError:
        return False


def _is_number(text: str) -> bool:
    if not _NUMBER.fullmatch(text) or _PADDED.match(text):
        return False
    number = abs(float(text))
    return isfinite(number) and (number < EXACT or not is_whole(text))


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise TypeError(value)
    text = value.strip() if isinstance(value, str) else ""
    if isinstance(value, str) and not _NUMBER.fullmatch(text):
        raise ValueError(value)
    number = float(text or value)
    if not isfinite(number) or (abs(number) >= EXACT and is_whole(text or value)):
        raise ValueError(value)
    return number


def _truth(value: Any) -> float:
    if isinstance(value, str):
        return _TRUTH[value.lower()]
    if value in (0, 1):  # True is 1
        return float(value)
    raise ValueError(value)


def _day(value: Any) -> float:
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    if isinstance(found, datetime):
        if _micros(found) % DAY:
            raise ValueError(value)
        found = found.date()
    return float((found - _START.date()).days)


def _moment(value: Any) -> float:
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(found, datetime):
        found = datetime(found.year, found.month, found.day)  # noqa: DTZ001  # dates have no zone
    if abs(micros := _micros(found)) > EXACT:
        raise ValueError(value)
    return float(micros)


def _micros(moment: datetime) -> int:
    return (moment - (_START if moment.tzinfo is None else _START_UTC)) // _MICRO


_READ = {"boolean": _truth, "number": _number, "date": _day, "datetime": _moment}
_ALLOWED = {
    "boolean": "true or false",
    "number": "a finite number, a whole one below 2^53, or as a category: data.modality.kinds",
    "date": "a date, such as 2026-11-26",
    "datetime": "a moment from 1684 to 2255, such as 2026-11-26T17:30:00",
    "category": f"a text of at most {LONGEST:,} characters, in UTF-8",
}
