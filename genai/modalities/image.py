"""Images: files or arrays in, PNG out.

Decisions: everything becomes 8-bit gray (`L`) or `RGB`; of 16-bit gray the upper 8 bits count; palettes, CMYK and
others become RGB; what is transparent is laid on white, also where the job names no mode and the data has alpha; only
`mode: RGBA` keeps it. Opaque pictures are then of full alpha, and a pixel of no alpha at all is white, in rows and in
samples, since nobody sees what it is. The camera's orientation (EXIF) is applied. An image of another proportion than
`size` is cropped at its centre or stretched, then resized with antialiasing, by Pillow's integer arithmetic, so the
pixels are the same on any machine. Files are decoded in `_pixels`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

import numpy as np
from annotated_types import Ge, Le, doc

from genai.errors import DataError
from genai.modalities._files import OfFiles

if TYPE_CHECKING:
    from torch import Tensor

    from genai.look import Look

_CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}
_NAMES = {1: "gray", 3: "colour", 4: "colour with transparency"}
Mode = Literal["L", "RGB", "RGBA"]

Pixels = Annotated[int, Ge(1), Le(4096)]


@dataclass(frozen=True)
class Image(OfFiles):
    """Pictures of one size and mode."""

    size: Annotated[Pixels | tuple[Pixels, Pixels] | None, doc("Side, or (height, width); null: as the data is.")] = (
        None
    )
    mode: Annotated[
        Mode | None, doc("Gray, colour, or with transparency; null: L or RGB as the data is, laid on white.")
    ] = None
    fit: Annotated[
        Literal["crop", "stretch"], doc("An image of another proportion: cut at its centre, or distort.")
    ] = "crop"
    resample: Annotated[
        Literal["nearest", "bilinear", "bicubic", "lanczos"], doc("All but nearest are antialiased.")
    ] = "bicubic"

    noun: ClassVar[str] = "image"
    files: ClassVar[tuple[str, ...]] = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
    suffix: ClassVar[str] = ".png"
    column: ClassVar[str] = "image"
    feature: ClassVar[str] = "Image"
    _settled: ClassVar[str] = ""  # what `resolve` took from the data: another row may then not differ in it

    def resolve(self, value: bytes | np.ndarray) -> Self:
        from genai.modalities._pixels import natural_pixels

        natural = natural_pixels(value)
        size = natural.shape[:2] if self.size is None else (self.size,) * 2 if isinstance(self.size, int) else self.size
        mode = self.mode or ("L" if natural.shape[2] == 1 else "RGB")
        made = replace(self, size=size, mode=mode)
        settled = " ".join(name for name in ("size", "mode") if getattr(self, name) is None)
        object.__setattr__(made, "_settled", settled or self._settled)
        return made

    @property
    def shape(self) -> tuple[int, ...]:
        height, width, channels = self.array_shape
        return channels, height, width

    @property
    def array_shape(self) -> tuple[int, ...]:
        assert self.mode is not None, "resolve first"
        return *self._size, _CHANNELS[self.mode]

    @property
    def _size(self) -> tuple[int, int]:
        assert self.size is not None, "resolve first"
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    def decode(self, value: bytes | np.ndarray) -> tuple[np.ndarray, bytes]:
        from genai.modalities._pixels import natural_pixels

        alpha = self.mode == "RGBA"
        natural = natural_pixels(value, alpha=alpha)
        recoloured = self._recoloured(natural)
        own = recoloured if alpha else natural  # with alpha, an opaque picture is one row whatever mode its file has
        content = hashlib.sha256(repr(own.shape).encode())
        content.update(np.ascontiguousarray(own).data)
        return self._fitted(recoloured), content.digest()

    def fitted(self, pixels: np.ndarray) -> np.ndarray:
        """(height, width, channels) uint8 in the size and the mode of this modality."""
        return self._fitted(self._recoloured(pixels))

    def _recoloured(self, natural: np.ndarray) -> np.ndarray:
        wanted = self.array_shape[2]
        if natural.shape[2] == wanted:
            return natural
        if "mode" in self._settled:
            found, first = (_NAMES[channels] for channels in (natural.shape[2], wanted))
            raise DataError(f"the image is {found}, the first one is {first}; set data.modality.mode to L or RGB")
        from genai.modalities._pixels import from_picture, to_picture

        return from_picture(to_picture(natural).convert(self.mode))

    def _fitted(self, array: np.ndarray) -> np.ndarray:
        if array.shape[:2] == self._size:
            return array
        (height, width), (tall, wide) = self._size, array.shape[:2]
        if "size" in self._settled:
            raise DataError(
                f"the image is {tall}x{wide} (height x width), the first one is {height}x{width}; "
                f"set data.modality.size, for instance to [{height}, {width}], and all are resized"
            )
        box = (0.0, 0.0, float(wide), float(tall))
        if self.fit == "crop":
            scale = min(tall / height, wide / width)
            left, top = (wide - scale * width) / 2, (tall - scale * height) / 2
            box = (left, top, min(left + scale * width, wide), min(top + scale * height, tall))
        from PIL.Image import Resampling

        from genai.modalities._pixels import from_picture, to_picture, unseen_white

        made = from_picture(to_picture(array).resize((width, height), Resampling[self.resample.upper()], box))
        return made if made.shape[2] < 4 else unseen_white(made.copy())

    def to_tensor(self, arrays: np.ndarray) -> Tensor:
        import torch

        x = arrays.transpose(0, 3, 1, 2).astype(np.float32, order="C")
        return torch.from_numpy(x).div_(127.5).sub_(1)

    def from_tensor(self, x: Tensor) -> np.ndarray:
        import torch

        levels = x.detach().float().cpu().add(1).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)
        arrays = np.ascontiguousarray(levels.numpy().transpose(0, 2, 3, 1))
        if self.mode != "RGBA":
            return arrays
        from genai.modalities._pixels import unseen_white

        return unseen_white(arrays)

    def cells(self, arrays: np.ndarray) -> list[bytes]:
        from genai import png

        return png.encode(arrays)

    def looks(self, arrays: np.ndarray) -> list[Look]:
        from genai.look import Look

        return [Look(png=cell) for cell in self.cells(arrays)]

    def strict(self) -> Self:
        made = replace(self)
        object.__setattr__(made, "_settled", "size mode")
        return made
