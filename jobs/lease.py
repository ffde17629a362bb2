"""The lease: who is at work on a run or a stage, so that nobody does the same work beside them.

It saves work and clears up messages; correctness rests on equal bytes, not on it. A lease is an object of the store,
`leases/<name>/<epoch>.json`; the highest epoch counts. To take one over is to `put_new` the next epoch, which one racer
wins on every store. The holder writes its object anew every `BEAT_SECONDS`, with a beat that counts up, and then looks
for a higher epoch: where there is one it has been taken for dead, and stops.

No clock is trusted but its rate: a lease is stale when the one who wants it has seen no beat for `STALE_SECONDS` of
its own monotonic clock. So a holder that is held up for longer may lose it, and two clocks may run at rates that differ
by as much as STALE_SECONDS / BEAT_SECONDS. On the holder's own machine its process is asked for: one that is gone is
followed at once. A released lease stays as a mark, so that epochs only grow.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

from genai.errors import LeaseHeld, NotFound, StoreError
from genai.identity import canonical
from jobs import layout
from jobs.stores import Store

BEAT_SECONDS, STALE_SECONDS = 5.0, 30.0
LOOK_SECONDS = 0.5


class Clock(Protocol):
    """The module `time`, or a test's."""

    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...


@dataclass(frozen=True)
class Holder:
    """A process that holds a lease. `machine` is one boot and one space of process numbers; `born` tells the process
    from a later one of its number.
    """

    run: str
    host: str
    pid: int
    machine: str
    born: str
    beat: int = 0
    released: bool = False

    @classmethod
    def here(cls, run: str) -> Holder:
        """This process."""
        pid = os.getpid()
        return cls(run, socket.gethostname(), pid, _machine(), _seen(pid)[1])

    def to_json(self) -> bytes:
        return canonical(asdict(self))

    @classmethod
    def from_json(cls, data: bytes) -> Holder:
        """Raises ValueError where the bytes are no holder."""
        try:
            found = cls(**json.loads(data))
        except (TypeError, RecursionError) as error:
            raise ValueError("no holder of a lease") from error
        texts = all(isinstance(text, str) for text in (found.run, found.host, found.machine, found.born))
        if not texts or not isinstance(found.pid, int) or found.to_json() != data:
            raise ValueError("no holder of a lease")
        return found

    @property
    def is_here(self) -> bool:
        """Whether it is a living process of this machine."""
        return _alive(self) is True

    def __str__(self) -> str:
        return f"run {self.run} on {self.host} (process {self.pid})"


class Leases:
    """The leases of one run. `keep` renews them; `on=False` holds none and minds none."""

    def __init__(self, store: Store, run: str, *, on: bool = True, clock: Clock = time) -> None:
        self._store, self._on, self._clock = store, on, clock
        self._me = Holder.here(run)
        self._held: dict[str, int] = {}  # name -> epoch
        self._lost: str = ""
        self._lock = threading.Lock()

    def take(self, name: str, wait: Callable[[Holder], None] | None = None) -> None:
        """Hold `name`. Where somebody else does: raises LeaseHeld, or, with `wait`, tells it who that is (once for each
        beat) and waits until it is free.
        """
        while self._on and name not in self._held:
            epoch, holder = _newest(self._store, name)
            if holder and (beat := self._sign_of_life(name, epoch, holder)):
                if wait is None:
                    raise LeaseHeld(f"{beat} is at work on it; nothing was done: wait for that run, or stop it first")
                wait(beat)
                self._clock.sleep(LOOK_SECONDS)
            elif self._store.put_new(layout.lease(name, epoch + 1), self._me.to_json()):
                with self._lock:
                    self._held[name] = epoch + 1
                self._clear(name, epoch + 1)

    def check(self) -> None:
        """Raises LeaseHeld where somebody has taken a lease over."""
        if self._lost:
            raise LeaseHeld(self._lost)

    def renew(self) -> None:
        """One beat of all leases. A store that fails is tried again at the next."""
        with self._lock:
            self._me = replace(self._me, beat=self._me.beat + 1)
            for name, epoch in self._held.items():
                with suppress(StoreError):
                    self._store.put(layout.lease(name, epoch), self._me.to_json())
                    highest, holder = _newest(self._store, name)
                    if highest > epoch:
                        self._lost = (
                            f"{holder or 'another run'} took this run for dead and took over; this one stops, all that "
                            "it finished is safe"
                        )

    def release(self, *names: str) -> None:
        """Let some go, or all; the next one who wants them has them at once."""
        with self._lock:
            for name in names or tuple(self._held):
                if (epoch := self._held.pop(name, None)) is not None:
                    with suppress(StoreError):
                        self._store.put(layout.lease(name, epoch), replace(self._me, released=True).to_json())

    def _sign_of_life(self, name: str, epoch: int, holder: Holder) -> Holder | None:
        """The holder as it was seen alive; None where it is gone, or there was no beat for `STALE_SECONDS`."""
        here = _alive(holder)
        if here is not None:
            return holder if here else None
        end = self._clock.monotonic() + STALE_SECONDS
        while self._clock.monotonic() < end:
            self._clock.sleep(LOOK_SECONDS)
            now, beating = _newest(self._store, name)
            if (now, beating) != (epoch, holder):
                return beating
        return None

    def _clear(self, name: str, epoch: int) -> None:
        with suppress(StoreError):
            for entry in list(self._store.list(layout.leases(name))):
                if _epoch(entry.key) < epoch:
                    self._store.delete(entry.key)


@contextmanager
def keep(leases: Leases) -> Iterator[Leases]:
    """Renew in a thread; the end releases."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(BEAT_SECONDS):
            leases.renew()

    thread = threading.Thread(target=beat, name="lease", daemon=True)
    thread.start()
    try:
        yield leases
    finally:
        over.set()
        thread.join(BEAT_SECONDS)  # no longer: it may hang in the store
        leases.release()


def holders(store: Store, clock: Clock = time) -> dict[str, Holder]:
    """The live leases of a job's folder, by name. Where none of its holders can be asked this watches them for one
    beat, or for `STALE_SECONDS` where some are dead.
    """
    names = dict.fromkeys(entry.key.split("/")[1] for entry in store.list("leases/"))
    seen = {name: _newest(store, name) for name in names}
    held = {name: (epoch, holder) for name, (epoch, holder) in seen.items() if holder}
    asked = {name: _alive(holder) for name, (_, holder) in held.items()}
    live = {name: held[name][1] for name, alive in asked.items() if alive}
    unknown = {name for name, alive in asked.items() if alive is None}
    end = clock.monotonic() + STALE_SECONDS
    while unknown and clock.monotonic() < end:
        clock.sleep(LOOK_SECONDS)
        for name in list(unknown):
            now = _newest(store, name)
            if now != held[name]:
                unknown.remove(name)
                live |= {name: now[1]} if now[1] else {}
    return live


def holder_of(store: Store, name: str) -> Holder | None:
    """Who holds a lease, at a glance: one whose process is known to be gone does not. One on another machine that died
    without a word is still named.
    """
    holder = _newest(store, name)[1]
    return None if holder is None or _alive(holder) is False else holder


def _newest(store: Store, name: str) -> tuple[int, Holder | None]:
    """The highest epoch of a lease (-1: none yet), and who holds it; None where it is released or unreadable."""
    keys = [entry.key for entry in store.list(layout.leases(name))]
    if not keys:
        return -1, None
    last = max(keys, key=_epoch)
    try:
        holder = Holder.from_json(store.get(last))
    except NotFound:  # a newer one has just cleared it away
        return _newest(store, name)
    except ValueError:
        return _epoch(last), None
    return _epoch(last), None if holder.released else holder


def _epoch(key: str) -> int:
    number = key.rpartition("/")[2].removesuffix(".json")
    return int(number) if number.isdecimal() else -1


def _alive(holder: Holder) -> bool | None:
    """Whether the holder's process runs; None where this machine cannot tell. One that is stopped (SIGSTOP) cannot be
    told from a dead one but by its beats.
    """
    if not holder.machine or holder.machine != _machine():
        return None
    state, born = _seen(holder.pid)
    if state == "?":
        return None
    return None if state in "Tt" and born == holder.born else born == holder.born


def _machine() -> str:
    """This boot of this machine, as one space of process numbers; "" where the system does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _seen(pid: int) -> tuple[str, str]:
    """The state of a process as the kernel letters it, and when it began, in the kernel's ticks. State "?" where it is
    hidden from this user, "X" where there is none.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        state, *rest = stat.rpartition(")")[2].split()
    except (OSError, ValueError):
        return ("X", "") if _is_gone(pid) else ("?", "")
    return (state, "") if state in "ZX" else (state, rest[18])


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # another user's
        return False
    return False
