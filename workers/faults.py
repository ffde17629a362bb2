"""The door for Ray's errors: what our code raised on a worker comes out as it was, all else as a WorkerError."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import ray.exceptions

from genai.errors import GenaiError, WorkerError

_LOST = "a worker was lost: "
_ADDED_BY_RAY_DATA = "\nFailed to apply UDF transform"  # and what follows: advice on Ray's own settings


@contextmanager
def ours() -> Iterator[None]:
    """Ray's errors as ours."""
    try:
        yield
    except ray.exceptions.RayError as error:
        raise our(error) from None


def our(error: BaseException) -> GenaiError:
    """The error of ours that stands for one of Ray's."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, GenaiError):
        return _plain(cause)
    if isinstance(error, ray.exceptions.RayTaskError):
        return WorkerError(f"a worker failed: {_named(cause or error)}")
    return WorkerError(f"{_LOST}{_named(error)}")


def why_lost(error: BaseException) -> str:
    """Why a worker was lost, for a text that says which."""
    return str(our(error)).removeprefix(_LOST)


def preempted(error: BaseException) -> bool:
    """Whether a worker was lost because its machine was taken away with notice."""
    return bool(getattr(error, "preempted", False))


def words(error: BaseException) -> str:
    """An error in a line: its kind and its sentences, without Ray's tables, tracebacks and advice."""
    lines = [line for line in str(error).splitlines() if line.strip() and not line.startswith((" ", "\t"))]
    text = f"{type(error).__name__}: {' '.join(lines)}".partition(" Some common causes include")[0]
    return (text.partition("Worker exit detail: ")[2] or text)[:500]


def _plain(error: GenaiError) -> GenaiError:
    """The same without the advice that Ray Data appends."""
    if error.args and isinstance(error.args[0], str):
        error.args = (error.args[0].partition(_ADDED_BY_RAY_DATA)[0], *error.args[1:])
    return error


def _named(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
