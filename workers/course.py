"""A training over all its starts: how far its states go, who was lost, and how often it was started in vain.

Starts are bounded by lack of progress, not by the length of the night: `max_failures` is how many new starts in a row
may fail to save a new state.
"""

from __future__ import annotations

from typing import Any

from genai.errors import WorkerError
from jobs.crew import Note, TrainTask


class Course:
    """What outlives a start. `note` hears all that is told."""

    def __init__(self, task: TrainTask, note: Note) -> None:
        self.task, self.note = task, note
        self._why = ""  # the last start failed; empty where it did not
        self._lost: list[str] = []  # its workers that were lost
        self._safe, self._starts = 0, 0

    def heard(self, kind: str, fields: dict[str, Any]) -> None:
        """Pass on an event of the workers; a new state makes good for the starts before it."""
        if kind in ("train_started", "state_saved") and fields["step"] > self._safe:
            self._safe = fields["step"]
            self._starts = 0 if kind == "state_saved" else self._starts
        self.note(kind, **fields)

    def lost(self, worker: str, why: str) -> None:
        """A worker died, or is ended because it is silent."""
        self._lost.append(worker)
        self.note("worker_lost", stage="train", worker=worker, error=why)

    def failed(self, why: str) -> None:
        """The start has failed."""
        self._why = why

    def again(self) -> None:
        """Tell of the next start. Raises WorkerError after too many in vain."""
        most = self.task.spec.train.workers.max_failures
        if self._why and self._starts >= most:
            safe = f"the state of step {self._safe} is safe" if self._safe else "no state was saved yet"
            raise WorkerError(
                f"training was given up (new starts in a row that saved no new state: {self._starts}; "
                f"train.workers.max_failures: {most}): {self._why}; {safe}, and the same command goes on from there"
            )
        self._starts += bool(self._why)
        self.note("train_again", step=self._safe, tries=self._starts, of=most, error=self._why, lost=self._lost)
        self._why, self._lost = "", []
