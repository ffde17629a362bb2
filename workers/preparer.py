"""Preparing on Ray: by one actor where the rows fit into its memory, else by Ray Data.

The actor is asked every other second whether it lives; one that dies or does not answer is ended and replaced.
"""

from __future__ import annotations

import os
import socket
import time
from typing import Any

import ray
from ray.exceptions import RayActorError

from genai.errors import WorkerError
from genai.prepared import Prepared
from jobs.crew import Note, PrepareTask
from workers.faults import why_lost
from workers.prepare import in_memory, source_bytes, streamed

MEMORY_BYTES = 256 << 20  # of source files; above it, Ray Data shares the work and spills what does not fit
STARTS = 3
ASK_SECONDS = 2.0
SILENT_SECONDS = 30.0  # without an answer: it is stopped, or its machine is
PLACE_SECONDS = 900.0  # without a place: time for an autoscaler
TELL_SECONDS = 30.0


def prepare_by_ray(task: PrepareTask, note: Note, memory_bytes: int = MEMORY_BYTES) -> Prepared:
    """Prepare on the cluster. Raises DataError on bad input, and WorkerError where workers are lost STARTS times."""
    if source_bytes(task) > memory_bytes:
        return streamed(task)
    lost = ""
    for _ in range(STARTS):
        actor = ray.remote(Preparer).options(num_cpus=1, max_concurrency=2).remote()
        asked = _Asked(actor, note)
        try:
            return asked.until_done(task)
        except RayActorError as error:
            lost = asked.why or f"worker {asked.name} was lost: {why_lost(error)}"
            note("worker_lost", stage="prepare", worker=asked.name, error=lost, shards=[])
        finally:
            ray.kill(actor)
    raise WorkerError(f"preparing the rows was begun {STARTS} times; the last time, {lost}")


class Preparer:
    """The actor that prepares, and answers beside that."""

    def name(self) -> str:
        """Machine and process. It has a place now."""
        return f"{socket.gethostname()}/{os.getpid()}"

    def answer(self) -> None:
        """Shows that it lives."""

    def prepare(self, task: PrepareTask) -> Prepared:
        """The work."""
        return in_memory(task)


class _Asked:
    """An actor at work, as the driver sees it. `why` it was ended, where it was."""

    def __init__(self, actor: Any, note: Note) -> None:
        self.name, self.why = "?", ""
        self._actor, self._note = actor, note

    def until_done(self, task: PrepareTask) -> Prepared:
        """What it made. Raises RayActorError where it is lost, and what the work raised."""
        place = self._actor.name.remote()
        self._await(place, "a place for a worker of 1 CPU, to prepare the rows")
        self.name = ray.get(place)
        work = self._actor.prepare.remote(task)
        self._await(work, f"{self.name}, which prepares the rows", asked=True)
        return ray.get(work)

    def _await(self, ref: Any, what: str, *, asked: bool = False) -> None:
        """Until a call has ended; the actor is ended where it is `asked` and does not answer, or finds no place."""
        began = heard = told = time.monotonic()
        answer = self._actor.answer.remote()
        while not ray.wait([ref], timeout=ASK_SECONDS)[0]:
            late = time.monotonic() - heard > (SILENT_SECONDS if asked else PLACE_SECONDS)
            now = time.monotonic()
            if ray.wait([answer], timeout=ASK_SECONDS if late else 0)[0]:  # late by our own clock, if we were stopped
                answer, heard = self._actor.answer.remote(), now
            elif late and not self.why:
                self.why = f"{what}, did not answer for {now - heard:.0f} s and was ended"
                ray.kill(self._actor)  # the call then ends as lost
            if now - told > TELL_SECONDS:
                told = now
                self._note("waiting", seconds=TELL_SECONDS, on=f"{what}, for {now - began:.0f} s")
