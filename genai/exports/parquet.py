"""Parquet in Hive's folders: `split=train/part-00000.parquet`, or `date=2026-11-26/part-00000.parquet`.

The parts beside which this is published are Parquet as well; this kind is for readers that choose by folder. Never by
label: a thousand classes would be a thousand small files of each part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote

from annotated_types import doc

from genai.errors import InputError
from genai.exports import Export, Piece

if TYPE_CHECKING:
    from genai.modalities import Modality


@dataclass(frozen=True)
class Parquet(Export):
    """One file a part and folder."""

    partition: Annotated[
        Literal["split", "date"] | None, doc("Folders by the job's splits, or by its logical date; null: none.")
    ] = None

    def files(self, piece: Piece) -> Iterator[tuple[str, bytes]]:
        from genai.formats.parquet import Parquet as Format

        folder = f"split={piece.split}/" if self.partition == "split" else ""
        name = piece.stem if folder else piece.name
        yield f"{folder}{name}.parquet", Format().encode(piece.samples, piece.about)

    def card(self, classes: Sequence[str], suffix: str, splits: Sequence[str]) -> dict[str, Any] | None:
        if self.partition != "split":
            return None
        files = [{"split": split, "path": f"split={split}/*.parquet"} for split in splits]
        return {"configs": [{"config_name": "default", "data_files": files}]}

    def folder(self, date: str | None) -> str:
        return f"date={quote(date, safe='')}" if self.partition == "date" and date else ""

    def ask(self, shares: Mapping[str, float] | None, date: str | None, modality: Modality) -> None:
        if self.partition == "split" and shares is None:
            raise InputError("found partition: split in a job without splits; allowed: date, or say its splits")
        if self.partition == "date" and date is None:
            raise InputError("found partition: date in a run without one; allowed: split, or give a --logical-date")
