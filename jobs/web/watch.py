"""One run as the store tells it, looked at again and again: what has come since is added to what is known."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from genai.errors import GenaiError, InputError
from jobs import chart, layout, stop
from jobs.lease import Holder, holder_of
from jobs.show import KEY
from jobs.spec import JobSpec, load
from jobs.stores import Store
from jobs.submission import Submitted
from jobs.view import result_of
from jobs.web import seen as page
from jobs.web.seen import Seen
from jobs.web.state import State, state_of
from jobs.web.stream import Stream
from jobs.web.told import Told


class Watch:
    """`look` reads what is new and gives a snapshot. Not to be called by two threads at once."""

    def __init__(
        self,
        store: Store,
        run: str,
        spec: JobSpec | None = None,
        price: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store, self.run = store, run
        self._spec, self._price, self._clock = spec, price, clock
        self._stream, self._told = Stream(store, run), Told()
        self._beat: tuple[int, str] | None = None  # of the driver's lease
        self._beaten = clock()

    def look(self) -> Seen:
        """The run as it is now. Raises StoreError."""
        self._stream.new(self._told.add)
        told, result, holder = self._told, result_of(self.store, self.run), holder_of(self.store, self.run)
        submitted = Submitted.of(self.store, self.run) is not None
        asked = bool(holder) and stop.asked(self.store, self.run)
        state = state_of(told, holder, self._quiet(holder), result, submitted=submitted, asked=asked)
        known = {name: value for name, value in (result or {}).items() if state.name == "done"}
        dataset = next((k for k in (told.dataset, known.get("dataset")) if k and KEY.fullmatch(k)), None)
        workers, more_workers = page.worker_lines(told)
        given_up = sorted(told.quarantined.items())
        return Seen(
            run=self.run,
            job=self.run[:-13],
            place=self.store.locate(f"runs/{self.run}"),
            state=state,
            error=(told.error or str((result or {}).get("error", "")))
            if not state.live and state.tone != "good"
            else "",
            waiting=told.waiting if state.live else "",
            command=told.command or f"genai run {self.store.locate(layout.run(self.run))}",
            facts=tuple(self._facts(state, known)),
            stages=page.stage_lines(told, self._to_come(state), live=state.live),
            workers=workers,
            more_workers=more_workers,
            quarantined=tuple(given_up[: page.SHARDS]),
            more_quarantined=max(0, len(given_up) - page.SHARDS),
            failures=page.failures(told),
            charts=page.charts(told),
            dataset=dataset,
            dataset_place=layout.dataset_place(self.store, dataset) if dataset else "",
            digest=str(known.get("digest", ""))[:64],
            newest=tuple(reversed(told.newest)),
            heard=page.clock(told.last.at) if told.last else "",
        )

    def _quiet(self, holder: Holder | None) -> float:
        """For how many seconds of this machine's clock the holder's beats have not moved on."""
        beat = (holder.beat, holder.host + holder.born) if holder else None
        if beat != self._beat:
            self._beat, self._beaten = beat, self._clock()
        return self._clock() - self._beaten

    def _facts(self, state: State, known: dict[str, Any]) -> list[tuple[str, str]]:
        """The figures at the top."""
        told, minting = self._told, self._told.stages.get("generate")
        now = minting.rate.now if state.live and minting and minting.rate and minting.state == "running" else None
        since, last = told.began, told.last
        left = next((s.left for s in told.stages.values() if s.state == "running"), None) if state.live else None
        facts = [
            ("samples published", chart.number(known["rows"], 15) if known.get("rows") else ""),
            ("parts in the store", _of(minting.done, minting.total) if minting and minting.total else ""),
            ("samples a second, now", chart.number(now, 3) if now else ""),
            (
                "so far" if state.live else "time of the last try",
                page.length(last.at - since) if last and since else "",
            ),
            ("left, about", page.length(left) if left else ""),
            ("work of all workers", page.hours(told.seconds) if told.seconds else ""),
        ]
        if self._price is not None and told.seconds:
            cost = page.money(told.seconds / 3600 * self._price)
            facts.append((f"cost, at {self._price:g} a worker-hour", cost))
        if told.tries > 1:
            facts.append(("begun", f"{told.tries} times"))
        return [(name, text) for name, text in facts if text]

    def _to_come(self, state: State) -> list[str]:
        """The stages of the job, in their order; none where the job file cannot be read."""
        spec = self._spec = self._spec or self._stored()
        if spec is None or not (state.live or self._told.stages):
            return []
        from jobs.publish import kind_of

        first = ([] if spec.model.given else ["prepare"]) + (["source"] if spec.generate.mode else [])
        return [*first, "train", "generate", *dict.fromkeys(f"publish {kind_of(entry)}" for entry in spec.publish)]

    def _stored(self) -> JobSpec | None:
        """The run's own job file."""
        try:
            return load(self.run, self.store.get(layout.run(self.run)))
        except InputError:
            return None
        except GenaiError:
            return None


def _of(done: int, total: int) -> str:
    return f"{done:,}" if done == total else f"{done:,} of {total:,}"
