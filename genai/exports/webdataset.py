"""WebDataset: one tar a piece, in it three files a sample: an image or a sound, `.cls` (number of its class), `.json`.

Tar members have no time, owner or mode of a machine. Format USTAR, which every reader knows.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from genai.exports import Export, Piece
from genai.identity import canonical

_SOUNDS = (".wav", ".flac")


@dataclass(frozen=True)
class WebDataset(Export):
    """One tar a part and split."""

    def files(self, piece: Piece) -> Iterator[tuple[str, bytes]]:
        sink = io.BytesIO()
        with tarfile.open(fileobj=sink, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for name, data in _members(piece):
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
        yield f"{piece.name}.tar", sink.getvalue()

    def card(self, classes: Sequence[str], suffix: str, splits: Sequence[str]) -> dict[str, Any]:
        names = {str(number): name for number, name in enumerate(classes)}
        label = [{"name": "cls", "dtype": {"class_label": {"names": names}}}] if classes else []
        said = {"checkpoint": "string", "index": "int64", "label": "string", "synthetic": "bool"}
        struct = [{"name": name, "dtype": dtype} for name, dtype in said.items() if classes or name != "label"]
        ends = [{"name": name, "dtype": "string"} for name in ("__key__", "__url__")]
        sample = {"name": suffix.removeprefix("."), "dtype": "audio" if suffix in _SOUNDS else "image"}
        features = [sample, *label, {"name": "json", "struct": struct}, *ends]
        files = [{"split": split, "path": f"{split}-*.tar"} for split in splits]
        found = files or [{"split": "train", "path": "part-*.tar"}]
        return {
            "configs": [{"config_name": "default", "data_files": found}],
            "dataset_info": {"config_name": "default", "features": features},
        }


def _members(piece: Piece) -> Iterator[tuple[str, bytes]]:
    samples, about = piece.samples, piece.about
    labels = [None] * len(samples) if samples.labels is None else samples.labels.tolist()
    for index, label, cell in zip(samples.indices.tolist(), labels, about.modality.cells(samples.arrays), strict=True):
        said: dict[str, Any] = {"index": index, "checkpoint": about.checkpoint, "synthetic": True}
        yield f"{index:09d}{about.modality.suffix}", cell
        if label is not None:
            said["label"] = about.classes[label]
            yield f"{index:09d}.cls", str(label).encode()
        yield f"{index:09d}.json", canonical(said)
