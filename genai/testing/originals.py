"""Rows to draw from, in memory."""

from __future__ import annotations

import io
from typing import BinaryIO

import numpy as np

from genai.blocks import Writer
from genai.editing import Editing
from genai.modalities import Modality
from genai.modes import Mode
from genai.prepared import SPLITS, Prepared


def editing(
    mode: Mode, modality: Modality, classes: tuple[str, ...], arrays: np.ndarray, labels: np.ndarray, turns: int = 1
) -> Editing:
    """How a mode draws from some rows of a modality (resolved), in their order."""
    blocks: dict[str, bytes] = {}
    writers = {name: Writer(name, modality.array_shape, len(classes), blocks.__setitem__) for name in SPLITS}
    content = np.zeros((len(arrays), 32), np.uint8)
    writers["train"].add(content, labels.astype(np.int32), arrays.reshape(len(arrays), -1))
    index = Prepared(modality, classes, {name: writer.finish() for name, writer in writers.items()})

    def open_(name: str) -> BinaryIO:
        return io.BytesIO(blocks[name])

    return Editing(mode, index, open_, turns)
