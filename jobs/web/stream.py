"""The events of a run as they come, many segments at a time: a run of a day has thousands, each a request."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from genai.errors import IntegrityError, NotFound, StoreError
from jobs.events import Event, segments
from jobs.stores import Store

READERS, AT_ONCE = 16, 256
LINE_BYTES = 1 << 20  # longer ones are no event of ours


class Stream:
    """Reads each segment once. What was read before a store failed is not read again."""

    def __init__(self, store: Store, run: str) -> None:
        self._store, self._run = store, run
        self._seen: set[str] = set()

    def new(self, add: Callable[[Event], None]) -> None:
        """Hand on the events that have come since. Raises StoreError."""
        there = [key for _, key in sorted(segments(self._store, self._run))]
        if self._seen and not there:
            place = self._store.locate(f"runs/{self._run}")
            raise StoreError(f"{place}: its events are not there any more; removed, or no longer mounted")
        keys = [key for key in there if key not in self._seen]
        with ThreadPoolExecutor(READERS) as pool:
            for start in range(0, len(keys), AT_ONCE):
                some = keys[start : start + AT_ONCE]
                for key, data in zip(some, pool.map(self._get, some), strict=True):
                    self._seen.add(key)
                    for line in data.splitlines():
                        _hand_on(line, add)

    def _get(self, key: str) -> bytes:
        try:
            return self._store.get(key)
        except NotFound:  # removed since it was listed
            return b""


def _hand_on(line: bytes, add: Callable[[Event], None]) -> None:
    """Events tell, the ledger knows: a line that is damaged is passed over."""
    if len(line) <= LINE_BYTES:
        try:
            event = Event.from_json(line)
        except IntegrityError:
            return
        add(event)
