"""Encoded rows as pictures of one size and mode.

Most rows are PNG files of exactly the wanted form, those that this program writes among them: such a file is decoded
without the detours that any other needs, and it cannot claim more pixels than are wanted. All others take the way of
`genai.modalities.Image`, which judges, turns, flattens and resizes.
"""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import torch
from PIL.PngImagePlugin import PngImageFile
from torch import Tensor

from genai.modalities.image import Image


def picture(value: bytes | np.ndarray, modality: Image) -> PIL.Image.Image:
    """A row as Pillow's image. Raises DataError, without the place, where it cannot be used."""
    found = _plain(value, modality) if isinstance(value, bytes) else None
    if found is not None:
        return found
    array = modality.decode(value)[0]
    return PIL.Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)


def to_tensor(found: PIL.Image.Image) -> Tensor:
    """As torchvision's ToTensor: float32 (channels, height, width) in [0, 1]."""
    array = np.asarray(found)
    levels = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return torch.from_numpy(levels.astype(np.float32, order="C")).div_(255)


def _plain(value: bytes, modality: Image) -> PIL.Image.Image | None:
    """A PNG that needs nothing done to it: no other size or mode, no transparency, profile, orientation or frames."""
    height, width, channels = modality.array_shape
    if channels == 4:
        return None  # what is not seen may have any colour in it
    try:
        file = PngImageFile(io.BytesIO(value))
        if file.size != (width, height) or file.mode != modality.mode or file.is_animated:
            return None
        file.load()
    except Exception:  # noqa: BLE001  # whatever it is, the other way says what is wrong with it
        return None
    return None if file.info else file
