"""Raw tensors in safetensors: `arrays` (rows, height, width, channels) uint8, `indices` and `labels` (rows,) int64.

The names of the classes and the checkpoint stand in the header's metadata, as JSON under `genai`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from genai.exports import Export, Piece
from genai.identity import canonical


@dataclass(frozen=True)
class Safetensors(Export):
    """One file a part and split."""

    def files(self, piece: Piece) -> Iterator[tuple[str, bytes]]:
        from safetensors.numpy import save

        samples, about = piece.samples, piece.about
        tensors = {"arrays": samples.arrays, "indices": samples.indices}
        if samples.labels is not None:
            tensors["labels"] = samples.labels
        said = canonical({"checkpoint": about.checkpoint, "classes": about.classes, "synthetic": True})
        # One key: the library writes several in an order that changes.
        yield f"{piece.name}.safetensors", save(tensors, {"genai": said.decode()})
