"""The newest result of what is slow or fails now and then: what a page shows while the store is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from genai.errors import GenaiError

T = TypeVar("T")
PATIENCE = 2.0  # seconds that a reader waits for news, before what is known is shown
SILENT = 10.0  # seconds after which a store that has not answered is told as that


class Kept(Generic[T]):
    """Makes it anew when it is looked at, in a thread of its own, at most `every` seconds and never for more than a
    fifth of the time. One that fails leaves the result of before, and says why.
    """

    def __init__(self, make: Callable[[], T], every: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._make, self._every, self._clock = make, every, clock
        self._lock = threading.Lock()
        self._began, self._next = 0.0, float("-inf")
        self._over: threading.Event | None = None
        self._bug: BaseException | None = None
        self._value: T | None = None
        self._error = ""

    def look(self, patience: float = PATIENCE) -> T | None:
        """The newest; None where there has been none yet."""
        with self._lock:
            if self._over is None and self._clock() >= self._next:
                self._over, self._began = threading.Event(), self._clock()
                threading.Thread(target=self._run, args=(self._over,), daemon=True).start()
            over = self._over
        if over:
            over.wait(patience)
        if self._bug:
            raise self._bug
        return self._value

    @property
    def trouble(self) -> str:
        """Why what is shown may be old; "" where it is not."""
        late = self._clock() - self._began if self._over else 0.0
        return self._error or (f"It has not answered for {late:.0f} s." if late > SILENT else "")

    def _run(self, over: threading.Event) -> None:
        value, error, bug = self._value, "", None
        try:
            value = self._make()
        except GenaiError as fault:
            error = str(fault)
        except Exception as fault:  # noqa: BLE001  # raised where it is looked at
            bug = fault
        with self._lock:
            self._value, self._error, self._bug = value, error, bug
            now = self._clock()
            self._next = now + max(self._every, 4 * (now - self._began))
            self._over = None
        over.set()
