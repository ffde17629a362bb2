"""What there is to be seen below one output: its runs, each with its page, its pictures and its report."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from genai.errors import NotFound
from jobs import layout
from jobs.begun import jobs_in
from jobs.resolve import Target
from jobs.show import KEY, dataset_of
from jobs.spec import JobSpec
from jobs.stores import Store, open_store
from jobs.web.kept import Kept
from jobs.web.listing import RUN_ID, Listing, Run
from jobs.web.samples import Gallery, Samples
from jobs.web.seen import Seen
from jobs.web.watch import Watch

ROOMS = 16  # runs that are watched at once; who is not looked at for longest goes
RUN_SECONDS, SAMPLES_SECONDS, LIST_SECONDS = 1.5, 4.0, 15.0
SEEN_SECONDS = 60.0  # that samples wait for the first look at a run
REPORT_BYTES = 1 << 26


@dataclass(frozen=True)
class Room:
    """One run under watch."""

    store: Store
    run: str
    seen: Kept[Seen]
    samples: Kept[Samples]
    runs: Kept[tuple[Run, ...]]  # of the same job


class Site:
    """The runs of an output, or one run and those of its job. It only reads."""

    def __init__(self, output: str, target: Target | None = None, price: float | None = None) -> None:
        self.store = open_store(output)
        self.target, self._price = target, price
        self.runs: Kept[tuple[Run, ...]] = Kept(Listing(self.store).look, LIST_SECONDS)
        self._rooms: OrderedDict[str, Room] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def start(self) -> str:
        """The path of the page to begin with."""
        return f"/runs/{self.target.run_id}" if self.target else "/"

    def room(self, run: str) -> Room | None:
        """The run's; None where there is none. Raises StoreError."""
        with self._lock:
            if run in self._rooms:
                self._rooms.move_to_end(run)
                return self._rooms[run]
        store, spec = self._found(run)
        if store is None:
            return None
        room = self._opened(store, run, spec)
        with self._lock:
            room = self._rooms.setdefault(run, room)
            while len(self._rooms) > ROOMS:
                self._rooms.popitem(last=False)
        return room

    def report(self, room: Room) -> bytes | None:
        """The page that a finished run has left. Raises StoreError."""
        seen = room.seen.look()
        key = (seen and seen.dataset) or dataset_of(room.store, room.run)
        if not key or not KEY.fullmatch(key):
            return None
        try:
            with room.store.open(layout.dataset(key, "report.html")) as file:
                data = file.read(REPORT_BYTES + 1)
        except NotFound:
            return None
        return data if len(data) <= REPORT_BYTES else None

    def _found(self, run: str) -> tuple[Store | None, JobSpec | None]:
        if self.target and run == self.target.run_id:
            return self.target.store, self.target.spec
        named = RUN_ID.fullmatch(run)
        store = self.store.child(named[1]) if named else None
        there = store is not None and any(True for _ in store.list(layout.run(run)))
        return (store if there else None), None

    def _opened(self, store: Store, run: str, spec: JobSpec | None) -> Room:
        seen = Kept(Watch(store, run, spec, self._price).look, RUN_SECONDS)
        samples = Kept(Gallery(store, lambda: seen.look(SEEN_SECONDS)).look, SAMPLES_SECONDS)
        return Room(store, run, seen, samples, Kept(Listing(store, one_job=True).look, LIST_SECONDS))


def site_of(text: str | None, output: str, overrides: tuple[str, ...], price: float | None) -> Site:
    """The site of a RUN, of an output, or of the default one where nothing is said. Raises InputError where there is
    neither a run nor an output.
    """
    from genai.errors import InputError
    from jobs.resolve import resolve

    if text is None:
        return Site(output, None, price)
    try:
        target = resolve(text, output, overrides)
    except InputError as error:
        if overrides or not _is_output(text):
            raise error from None
        return Site(text, None, price)
    return Site(target.store.uri.rpartition("/")[0], target, price)


def _is_output(text: str) -> bool:
    """Whether jobs with runs lie at a place."""
    if text.endswith((".yaml", ".yml", ".json")) or RUN_ID.fullmatch(text):
        return False
    return next(jobs_in(open_store(text)), None) is not None
