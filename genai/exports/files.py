"""A folder of files, one a sample: `<label>/<index>.wav`, as Hugging Face's audiofolder and imagefolder and
torchvision's ImageFolder read it.

With splits `<split>/<label>/<index>.wav`, without classes `<index>.wav`. A class is its folder's name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from genai.errors import InputError
from genai.exports import Export, Piece


@dataclass(frozen=True)
class Files(Export):
    """One file a sample."""

    def files(self, piece: Piece) -> Iterator[tuple[str, bytes]]:
        samples, about = piece.samples, piece.about
        classes = [_folder(name) for name in about.classes]
        split = f"{piece.split}/" if piece.split else ""
        labels = [""] * len(samples) if samples.labels is None else [f"{classes[i]}/" for i in samples.labels.tolist()]
        cells = about.modality.cells(samples.arrays)
        for index, label, cell in zip(samples.indices.tolist(), labels, cells, strict=True):
            yield f"{split}{label}{index:09d}{about.modality.suffix}", cell


def _folder(name: str) -> str:
    if not name or name.startswith((".", "_")) or set(name) & set('/\\:*?"<>|') or not name.isprintable():
        raise InputError(
            f"publish: found the class {name[:100]!r}, which is no name of a folder; allowed: names "
            "without / and the like, or another kind, such as webdataset"
        )
    return name
