"""Fields of a dataclass that was read from somewhere: is each of the type, and within the bounds, that it declares?

The bounds are those of `Annotated` (annotated_types), the same that a job file is held to; here they are checked
without pydantic, before a stored number decides how much memory is taken. Hints that are no plain types judge nothing.
A field whose metadata is `SETTLED` is none that a job file may say: the data settles it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from math import isfinite
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Len, Lt

#: metadata of a field that the data settle, not the job file: `field(default="", metadata=SETTLED)`
SETTLED: Mapping[str, bool] = {"settled": True}


def checked(kind: type, values: dict[str, Any], *, bounded: bool = True) -> dict[str, Any]:
    """`values` by the names of fields of `kind`. Raises ValueError where one is not of its type or, if `bounded`,
    beyond its bounds.
    """
    hints = hints_of(kind)
    for name, value in values.items():
        if name in hints and not fits(value, hints[name], bounded=bounded):
            raise ValueError(f"found {str(value)[:50]} as {kind.__name__}.{name}, expected what that field may be")
    return values


def formed(value: Any, hint: Any) -> Any:
    """What JSON has made of a value, as `hint` has it: its lists were tuples, and mappings may have been dataclasses.

    Raises TypeError and ValueError where such a mapping is none.
    """
    hint = bare(hint)
    if isinstance(value, list):
        inner = get_args(hint)[0] if get_origin(hint) is tuple else None
        return tuple(formed(one, inner) for one in value)
    if isinstance(value, dict) and isinstance(hint, type) and is_dataclass(hint):
        hints = hints_of(hint)
        return hint(**checked(hint, {name: formed(one, hints.get(name)) for name, one in value.items()}))
    return value


def bare(hint: Any) -> Any:
    """A hint without what `Annotated` adds."""
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


@cache
def hints_of(kind: type) -> dict[str, Any]:
    """The hint of each field; of a class whose hints name what is not there, none."""
    try:
        hints = get_type_hints(kind, include_extras=True)
    except NameError:
        return {}
    return {field.name: hints[field.name] for field in fields(kind)}


def fits(value: Any, hint: Any, *, bounded: bool = True) -> bool:
    """Whether `value` is what `hint` says: a whole number is a float, but true is no number."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        marks = hint.__metadata__ if bounded and value is not None else ()
        return fits(value, inner[0], bounded=bounded) and all(_within(value, mark) for mark in marks)
    if origin in (Union, UnionType):
        return any(fits(value, one, bounded=bounded) for one in inner)
    if origin is tuple:
        return isinstance(value, tuple | list) and _all_fit(value, inner, bounded=bounded)
    if origin is dict:
        return isinstance(value, dict) and all(fits(k, inner[0]) and fits(v, inner[1]) for k, v in value.items())
    return _is_one(value, hint, inner)


def _all_fit(values: Sequence[Any], inner: tuple[Any, ...], *, bounded: bool) -> bool:
    hints = inner[:1] * len(values) if inner[1:] == (...,) else inner
    pairs = zip(values, hints, strict=False)
    return len(values) == len(hints) and all(fits(value, hint, bounded=bounded) for value, hint in pairs)


def _is_one(value: Any, hint: Any, literals: tuple[Any, ...]) -> bool:
    if get_origin(hint) is Literal:
        return any(type(value) is type(one) and value == one for one in literals)
    if hint is float:
        return type(value) is int or (type(value) is float and isfinite(value))
    return type(value) is hint if hint in (int, str, bool, NoneType) or is_dataclass(hint) else True


def _within(value: Any, mark: Any) -> bool:
    """Whether a bound holds; what is no bound holds always."""
    if isinstance(mark, Len):
        return mark.min_length <= len(value) and (mark.max_length is None or len(value) <= mark.max_length)
    compare = _COMPARE.get(type(mark))
    return compare is None or bool(compare[0](value, getattr(mark, compare[1])))


_COMPARE: dict[type, tuple[Callable[[Any, Any], Any], str]] = {
    Ge: (operator.ge, "ge"),
    Gt: (operator.gt, "gt"),
    Le: (operator.le, "le"),
    Lt: (operator.lt, "lt"),
}
