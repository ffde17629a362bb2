"""Short clips: animated WebP, GIF or PNG, or a column of lists of pictures, in; animated WebP without loss out.

Decisions: a row is so many frames of one size and mode, shown at one rate. A frame counts as one, however long its file
shows it; `rate` is what is published, and no frame is left out or repeated for it. A longer clip is cut, a shorter one
refused. Where the job file is silent, the first clip settles the number of frames, size, mode and rate, and others that
differ in one of the first three are refused. An animation has no mode of its own: it is gray where all its frames are.
What is done to each frame is what is done to an image (`image`).

What a model sees are frames as channels, (frames x channels, height, width), frame by frame, so that each family of
images models clips as it stands; one that knows of frames finds their number in the space.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from annotated_types import Ge, Le, doc

from genai.errors import DataError, InputError
from genai.modalities import ARRAY_BYTES
from genai.modalities._files import OfFiles
from genai.modalities.image import Image, Mode, Pixels
from genai.space import Space

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

    from genai.look import Look

RATE = 8.0  # frames a second, where nobody says one
SHOWN = 8  # frames of a clip that lie side by side where nothing can move

Frames = Annotated[int, Ge(2), Le(1024)]
Rate = Annotated[float, Ge(0.1), Le(50)]


@dataclass(frozen=True)
class Video(OfFiles):
    """Clips of one length, size and mode."""

    frames: Annotated[Frames | None, doc("Frames of a clip: longer ones are cut; null: as the data has.")] = None
    size: Annotated[Pixels | tuple[Pixels, Pixels] | None, doc("Side, or (height, width); null: as the data is.")] = (
        None
    )
    mode: Annotated[
        Mode | None, doc("Gray, colour, or with transparency; null: L or RGB as the data is, laid on white.")
    ] = None
    rate: Annotated[Rate | None, doc("Frames a second of what is published; null: as the first clip has.")] = None
    fit: Annotated[Literal["crop", "stretch"], doc("A clip of another proportion: cut at its centre, or distort.")] = (
        "crop"
    )
    resample: Annotated[
        Literal["nearest", "bilinear", "bicubic", "lanczos"], doc("All but nearest are antialiased.")
    ] = "bicubic"

    noun: ClassVar[str] = "clip"
    files: ClassVar[tuple[str, ...]] = (".webp", ".gif", ".png", ".apng")
    suffix: ClassVar[str] = ".webp"
    column: ClassVar[str] = "video"
    #: Hugging Face's `Video` (torchcodec, FFmpeg) reads no animated WebP; its `Image` gives Pillow's, frames and all
    feature: ClassVar[str] = "Image"
    _settled: ClassVar[str] = ""  # what was taken from the data: another row may then not differ in it

    def resolve(self, value: Any) -> Self:
        from genai.modalities._clip import natural_frames

        count, seconds, gray, sides = 0, 0.0, True, (0, 0)
        for frame, shown in natural_frames(value, alpha=self.mode == "RGBA"):
            count, seconds, sides = count + 1, seconds + shown, frame.shape[:2]
            gray = gray and (self.mode is not None or _is_gray(frame))
        size = sides if self.size is None else (self.size,) * 2 if isinstance(self.size, int) else self.size
        made = replace(
            self,
            frames=self.frames or count,
            size=size,
            mode=self.mode or ("L" if gray else "RGB"),
            rate=self.rate or (min(50.0, max(0.1, round(count / seconds, 3))) if seconds else RATE),
        )
        if prod(made.array_shape) > ARRAY_BYTES:
            raise InputError(f"data.modality: found clips of {made.array_shape}; allowed: {ARRAY_BYTES:,} bytes")
        settled = " ".join(name for name in ("frames", "size", "mode") if getattr(self, name) is None)
        object.__setattr__(made, "_settled", settled or self._settled)
        made.check_count(count)
        return made

    @property
    def array_shape(self) -> tuple[int, ...]:
        assert self.frames is not None, "resolve first"
        return self.frames, *self._picture.array_shape

    @property
    def shape(self) -> tuple[int, ...]:
        frames, height, width, channels = self.array_shape
        return frames * channels, height, width

    @property
    def space(self) -> Space:
        return Space(self.shape, frames=self.array_shape[0])

    @cached_property
    def _picture(self) -> Image:
        """What a frame is."""
        return Image(self.size, self.mode, self.fit, self.resample)

    def decode(self, value: Any) -> tuple[np.ndarray, bytes]:
        from genai.modalities._clip import natural_frames

        array, count, sides = np.empty(self.array_shape, np.uint8), 0, (0, 0)
        content = hashlib.sha256()
        for frame, _ in natural_frames(value, alpha=self.mode == "RGBA"):
            content.update(np.ascontiguousarray(frame).data)
            if count < len(array):
                self._check(frame)
                array[count] = self._picture.fitted(frame)
            count, sides = count + 1, frame.shape
        self.check_count(count)
        content.update(repr((count, sides)).encode())
        return array, content.digest()

    def check_count(self, count: int) -> None:
        """Raises DataError where a clip has too few frames, or others than the first clip settled."""
        assert self.frames, "resolve first"
        if count < self.frames:
            raise DataError(
                f"the clip has {count} frames; allowed here: at least {self.frames}; data.modality.frames says how many"
            )
        if "frames" in self._settled and count != self.frames:
            raise DataError(
                f"the clip has {count} frames, the first one has {self.frames}; set data.modality.frames, for instance "
                f"to {self.frames}, and longer ones are cut"
            )

    def _check(self, frame: np.ndarray) -> None:
        """Raises DataError where a frame is not what the first clip settled."""
        tall, wide, (height, width) = *frame.shape[:2], self.array_shape[1:3]
        if "size" in self._settled and (tall, wide) != (height, width):
            raise DataError(
                f"the clip is {tall}x{wide} (height x width), the first one is {height}x{width}; "
                f"set data.modality.size, for instance to [{height}, {width}], and all are resized"
            )
        if "mode" in self._settled and self.mode == "L" and not _is_gray(frame):
            raise DataError("the clip is in colour, the first one is gray; set data.modality.mode to L or RGB")

    def to_tensor(self, arrays: np.ndarray) -> Tensor:
        import torch

        x = arrays.transpose(0, 1, 4, 2, 3).astype(np.float32, order="C").reshape(len(arrays), *self.shape)
        return torch.from_numpy(x).div_(127.5).sub_(1)

    def from_tensor(self, x: Tensor) -> np.ndarray:
        frames, height, width, channels = self.array_shape
        pictures = self._picture.from_tensor(x.reshape(-1, channels, height, width))
        return pictures.reshape(-1, frames, height, width, channels)

    def cells(self, arrays: np.ndarray) -> list[bytes]:
        from genai.modalities._clip import animation

        assert self.rate, "resolve first"
        return [animation(array, self.rate) for array in arrays]

    def looks(self, arrays: np.ndarray) -> list[Look]:
        """In motion, and still: frames side by side, the first and the last among them."""
        from genai import png
        from genai.look import Look

        some = np.unique(np.linspace(0, arrays.shape[1] - 1, SHOWN).round().astype(int))
        stills = [png.encode(np.concatenate(list(array[some]), axis=1)[None])[0] for array in arrays]
        return [Look(png=still, motion=cell) for still, cell in zip(stills, self.cells(arrays), strict=True)]

    def values(self, columns: pa.Table | pa.RecordBatch) -> list[Any]:
        (found,) = columns.columns
        if not _is_list(found.type):
            return super().values(columns)
        rows = found.to_pylist()
        return [row and [frame["bytes"] if isinstance(frame, dict) else frame for frame in row] for row in rows]

    def _holds(self, kind: pa.DataType) -> bool:
        return super()._holds(kind.value_type if _is_list(kind) else kind)

    def strict(self) -> Self:
        made = replace(self)
        object.__setattr__(made, "_settled", "frames size mode")
        return made


def _is_gray(frame: np.ndarray) -> bool:
    return bool((frame[..., 0] == frame[..., 1]).all() and (frame[..., 0] == frame[..., 2]).all())


def _is_list(kind: pa.DataType) -> bool:
    from pyarrow import types

    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))
