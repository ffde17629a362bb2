"""WebDataset: one tar a piece, in it three files a sample: the row, `.cls` (the number of its class) and `.json`. A row
that is JSON itself, such as a table's, is in that `.json`, beside what is said of it.

Tar members have no time, owner or mode of a machine. Format USTAR, which every reader knows.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from genai.exports import Export, Piece
from genai.identity import canonical

if TYPE_CHECKING:
    from genai.modalities import Modality

JSON = ".json"


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

    def card(self, classes: Sequence[str], modality: Modality, splits: Sequence[str]) -> dict[str, Any]:
        names = {str(number): name for number, name in enumerate(classes)}
        label = [{"name": "cls", "dtype": {"class_label": {"names": names}}}] if classes else []
        own, row = _features(modality)
        said = row | {"checkpoint": "string", "index": "int64", "label": "string", "synthetic": "bool"}
        struct = [{"name": name, "dtype": said[name]} for name in sorted(said) if classes or name != "label"]
        ends = [{"name": name, "dtype": "string"} for name in ("__key__", "__url__")]
        features = [*own, *label, {"name": "json", "struct": struct}, *ends]
        files = [{"split": split, "path": f"{split}-*.tar"} for split in splits]
        found = files or [{"split": "train", "path": "part-*.tar"}]
        return {
            "configs": [{"config_name": "default", "data_files": found}],
            "dataset_info": {"config_name": "default", "features": features},
        }


def _features(modality: Modality) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Of the file that is the row; or of what a row has in `.json`."""
    found = modality.features
    if modality.suffix != JSON:
        (feature,) = found.values()
        kind = feature.get("dtype") or str(feature["_type"]).lower()  # a string; an image
        return [{"name": modality.suffix.removeprefix("."), "dtype": kind}], {}
    said = {name: str(feature["dtype"]) for name, feature in found.items()}
    return [], {name: "string" if dtype.startswith(("date", "timestamp")) else dtype for name, dtype in said.items()}


def _members(piece: Piece) -> Iterator[tuple[str, bytes]]:
    samples, about = piece.samples, piece.about
    labels = [None] * len(samples) if samples.labels is None else samples.labels.tolist()
    for index, label, cell in zip(samples.indices.tolist(), labels, about.modality.cells(samples.arrays), strict=True):
        said: dict[str, Any] = {"index": index, "checkpoint": about.checkpoint, "synthetic": True}
        if about.modality.suffix == JSON:
            said |= json.loads(cell)
        else:
            yield f"{index:09d}{about.modality.suffix}", cell
        if label is not None:
            said["label"] = about.classes[label]
            yield f"{index:09d}.cls", str(label).encode()
        yield f"{index:09d}.json", canonical(said)
