"""Where an iteration stands, as what can be kept in a checkpoint of the training: a few numbers, whatever was read.

The rows of an epoch follow from arithmetic, so a position is how many of its share each worker has given, and nothing
of what they were. `turn` is the worker whose batch comes next: after a resume worker w takes the share of worker
(w + turn) % workers, since a DataLoader begins with its first one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from genai.errors import InputError

VERSION = 1


@dataclass(frozen=True)
class Position:
    """A place in an epoch. `sequence` names all that the order of rows follows from; `starts` is for each worker how
    many rows of its share were given.
    """

    sequence: str
    epoch: int
    world: int
    starts: tuple[int, ...] = ()  # none: the epoch's start, whatever the workers
    turn: int = 0

    def to_dict(self) -> dict[str, Any]:
        return {"version": VERSION, **asdict(self), "starts": list(self.starts)}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any], sequence: str, world: int) -> Self:
        """Raises InputError where it is none, or not of this sequence."""
        try:
            epoch, turn, starts = int(found["epoch"]), int(found["turn"]), tuple(map(int, found["starts"]))
            made = cls(str(found["sequence"]), epoch, int(found["world"]), starts, turn)
            if found["version"] != VERSION or min(epoch, turn, *starts) < 0:
                raise ValueError("it is of another version")
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"found no state of this kind ({error!r}); allowed: what state_dict() gave") from None
        if made.world != world:
            raise InputError(f"the state was taken with {made.world} ranks, here are {world}; allowed: as many")
        if made.sequence != sequence:
            raise InputError(
                "the state is of other rows, or of another order of them; allowed: the dataset, real rows, ratio, "
                "seed, buffer, batch_size and even with which it was taken"
            )
        return made

    def of_worker(self, number: int, workers: int) -> tuple[int, int]:
        """Whose share a worker takes, and how many rows of it were given before."""
        if not self.starts:
            return number, 0
        if len(self.starts) != workers:
            raise InputError(
                f"the state was taken with {len(self.starts)} workers, here are {workers}; allowed: as many "
                "(num_workers=0 counts as one), or a new epoch"
            )
        taken = (number + self.turn) % workers
        return taken, self.starts[taken]
