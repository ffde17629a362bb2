"""A folder of images, as torchvision's ImageFolder and Hugging Face's imagefolder read it: `<label>/<index>.png`.

With splits `<split>/<label>/<index>.png`, without classes `<index>.png`. A class is its folder's name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from genai.errors import InputError
from genai.exports import Export, Piece

if TYPE_CHECKING:
    from genai.modalities import Modality


@dataclass(frozen=True)
class Images(Export):
    """One file a sample."""

    def fits(self, modality: Modality) -> None:
        if not modality.files:
            raise InputError(
                f"found kind images for {modality.noun}s that are no files; allowed: another kind, such as webdataset "
                "or parquet (the dataset's own parts are Parquet)"
            )

    def files(self, piece: Piece) -> Iterator[tuple[str, bytes]]:
        samples, about = piece.samples, piece.about
        self.fits(about.modality)
        classes = [_folder(name) for name in about.classes]
        split = f"{piece.split}/" if piece.split else ""
        labels = [""] * len(samples) if samples.labels is None else [f"{classes[i]}/" for i in samples.labels.tolist()]
        cells = about.modality.cells(samples.arrays)
        for index, label, cell in zip(samples.indices.tolist(), labels, cells, strict=True):
            yield f"{split}{label}{index:09d}{about.modality.suffix}", cell


def _folder(name: str) -> str:
    if not name or name.startswith((".", "_")) or set(name) & set('/\\:*?"<>|') or not name.isprintable():
        raise InputError(
            f"publish, kind images: found the class {name[:100]!r}, which is no name of a folder; allowed: names "
            "without / and the like, or another kind, such as webdataset"
        )
    return name
