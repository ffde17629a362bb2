"""What is said where a table cannot be reached, and how long a library is waited for.

A library's own text may quote keys, goes over many lines, and is coloured: what is told of it is one short line, in
which each secret that we handed over is struck out. Nothing is chained to it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TypeVar

from genai.errors import InputError

T = TypeVar("T")

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_NOISE = re.compile(r"\(Background on this error at.*|\n\s+0: .*|[\s↳]+", re.DOTALL)  # the second: Rust's frames
_SHORTEST = 6  # characters of what is struck out: a secret, not a word


def said(error: BaseException, secrets: Iterable[str] = ()) -> str:
    """The class of a foreign error and what it says, on one line."""
    text = " ".join(filter(None, _NOISE.split(_COLOUR.sub("", str(error)))))
    for secret in secrets:
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, "***")
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


def need(module: str, extra: str, place: str) -> None:
    """Raises InputError where a library is not installed."""
    try:
        import_module(module)
    except ImportError:
        raise InputError(
            f"{place}: {module} is not installed, which writes such tables; pip install 'genai-jobs[{extra}]'"
        ) from None


def within(seconds: float, call: Callable[[], T]) -> T:
    """The answer of a call to a library that may wait for ever. Raises TimeoutError where it takes longer; its thread
    is left behind.
    """
    answers: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            answers.append(call())
        except BaseException as error:  # noqa: BLE001  # raised below
            errors.append(error)

    thread = threading.Thread(target=work, name="table", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not answers:
        raise TimeoutError(f"no answer in {seconds:g} s")
    return answers[0]
