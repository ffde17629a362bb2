"""Every error that a user can meet, in one tree.

    GenaiError                1   anything of ours; `exit_code` is the process's, `retryable` is for the driver
    ├── InputError            2   what the user gave cannot be used: nothing was written
    │   ├── SpecError         2   faults of a job file, all of them at once
    │   └── DataError         2   a source, a row, a label, an image
    ├── StoreError            1   the store failed after its own bounded retries; trying again may help
    │   └── NotFound          1   no such key (a fact, not a fault: never retried)
    ├── StoreRefused          2   wrong keys, no such bucket, no permission: trying again will not help
    ├── IntegrityError        1   bytes that are not what their digest says
    ├── WorkerError           1   a worker died or went silent; the shard may be tried elsewhere
    ├── Refused               1   filters refuse all that an index may draw: no other try draws anything else
    ├── Incomplete            1   all else is committed, some shards are quarantined
    ├── LeaseHeld            75   another run is at work on the same dataset
    ├── DeadlinePassed      124   the time given with --timeout is over
    └── Interrupted         130   stopped by the user; everything finished is safe

Each takes its arguments positionally and hands them all to `Exception`, because that is the only
form that comes through Ray's and multiprocessing's pickling with type and fields intact.
As text none of them says the user and password of a URI, whoever put them there, or moves a terminal's cursor: what is
told of a file may hold anything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

#: user and password, or keys, of a URI; a key may hold slashes
_USER = re.compile(r"(?<=://)(?:[^/\s]*@|[^/\s:]*:(?!\d+(?:/|\s|$))\S*@)")
_CONTROL = re.compile(r"[\0-\x08\x0b-\x1f\x7f-\x9f]")  # all but tabs and line breaks


def _harmless(text: str) -> str:
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], _USER.sub("***@", text))


def listed(names: Sequence[str]) -> str:
    """Names on one line of bounded length, for a message."""
    text = ", ".join(name if name.isprintable() else repr(name) for name in names[:100])
    return text if len(text) <= 500 and len(names) <= 100 else f"{text[:500]}…"


class GenaiError(Exception):
    """One sentence for the user: where, what was found, what is allowed, what to do next."""

    exit_code = 1
    retryable = False

    def __str__(self) -> str:
        return _harmless(super().__str__())


class InputError(GenaiError):
    """What the user gave cannot be used; nothing was written."""

    exit_code = 2


class SpecError(InputError):
    """All faults of a job document at once, each as `file:line:col: path: found; allowed`."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__(faults)
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return _harmless("\n".join(self.faults))


class DataError(InputError):
    """A source, a row, a label or an image that cannot be used; names its file and row."""


class StoreError(GenaiError):
    """The store failed beyond its own bounded retries."""

    retryable = True


class NotFound(StoreError):
    """There is no object of that key."""

    retryable = False


class StoreRefused(InputError):
    """The store will never accept this: wrong keys, no such bucket, no permission, read-only folder."""


class IntegrityError(GenaiError):
    """Bytes that are not what their digest says."""


class WorkerError(GenaiError):
    """A worker died, was lost with its node, or went silent."""

    retryable = True


class Refused(GenaiError):
    """Filters refuse all that an index may draw. Another try would draw the same."""


class Incomplete(GenaiError):
    """Some shards stay undone after their last attempt; all others are committed."""


class LeaseHeld(GenaiError):
    """Another run holds the lease of this dataset."""

    exit_code = 75


class DeadlinePassed(GenaiError):
    """The time given for the run is over; everything finished is safe."""

    exit_code = 124


class Interrupted(GenaiError):
    """The user or the system stopped the run; everything finished is safe."""

    exit_code = 130
