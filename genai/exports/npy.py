"""Raw arrays as NumPy's own files, to be mapped into memory: `<piece>.arrays.npy`, `.indices.npy`, `.labels.npy`.

Arrays are (rows, height, width, channels) uint8, the others (rows,) int64; `classes.json` names the classes.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass

from genai.exports import Export, Piece


@dataclass(frozen=True)
class Npy(Export):
    """Three files a part and split."""

    def files(self, piece: Piece) -> Iterator[tuple[str, bytes]]:
        import numpy as np

        samples, classes = piece.samples, piece.about.classes
        columns = {"arrays": samples.arrays, "indices": samples.indices, "labels": samples.labels}
        for name, column in columns.items():
            if column is not None:
                sink = io.BytesIO()
                np.save(sink, column)
                yield f"{piece.name}.{name}.npy", sink.getvalue()
        if classes:
            yield "classes.json", json.dumps(classes, ensure_ascii=False).encode()
