"""What holds for every filter."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict, fields
from typing import Any, ClassVar

import numpy as np

from genai.filters import Filter, judged
from genai.modalities import Modality


class FilterSuite:
    """Inherit it with a `filter`, a resolved `modality`, some values that it keeps, and some that it refuses with the
    reason of each; all as a source gives them. `labels` are names of classes, where it looks at these, one a value: of
    those kept, then of those refused.
    """

    filter: ClassVar[Filter]
    modality: ClassVar[Modality]
    kept: ClassVar[Sequence[Any]]
    refused: ClassVar[Sequence[tuple[Any, str]]]
    labels: ClassVar[Sequence[str | None]] = ()

    @property
    def rows(self) -> np.ndarray:
        """All rows, those that are kept first."""
        values = [*self.kept, *(value for value, _ in self.refused)]
        return np.stack([self.modality.decode(value)[0] for value in values])

    def judge(self, turn: Sequence[int]) -> list[str | None]:
        """What the filter says of some rows, in that order."""
        labels = self.labels or [None] * len(self.rows)
        return self.filter.judge(self.rows[list(turn)], [labels[row] for row in turn], self.modality)

    def test_it_keeps_and_refuses_what_it_should(self) -> None:
        """A reason for each row that is refused, None for each other."""
        expected = [*(None for _ in self.kept), *(reason for _, reason in self.refused)]
        assert self.judge(range(len(expected))) == expected

    def test_rows_do_not_depend_on_their_neighbours(self) -> None:
        """In another order, twice in a batch, and alone."""
        rows = range(len(self.rows))
        together = self.judge(rows)
        turn = [*reversed(rows), *rows]
        assert self.judge(turn) == [together[row] for row in turn]
        assert [self.judge([row])[0] for row in rows] == together

    def test_reasons_can_be_counted(self) -> None:
        """Few words in one line, with the filter's name before them."""
        labels = self.labels or [None] * len(self.rows)
        for reason in filter(None, judged([self.filter], self.rows, labels, self.modality)):
            assert reason.startswith(f"{self.filter.name}: ")
            assert reason.isprintable()
        assert max((len(reason) for _, reason in self.refused), default=0) <= 60

    def test_rows_are_left_as_they_are(self) -> None:
        """It looks, and changes nothing."""
        rows = self.rows
        rows.flags.writeable = False
        self.filter.judge(rows, self.labels or [None] * len(rows), self.modality)

    def test_it_can_be_sent_to_a_worker(self) -> None:
        """And is the same there; what it is follows from its fields, which are plain values."""
        again = deepcopy(self.filter)  # by the protocol that pickles it, too
        assert again == self.filter
        made: Any = again
        assert asdict(made) == {field.name: getattr(self.filter, field.name) for field in fields(made)}

    def test_it_fits_its_rows(self) -> None:
        """It does not refuse the kind of rows that it is tested with, and what it needs is installed."""
        self.filter.fits(self.modality)
        assert set(self.filter.versions()) == set(self.filter.libraries)
