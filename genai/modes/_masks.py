"""Holes in pictures, drawn from each row's own noise: halves, boxes, strokes of a brush."""

from __future__ import annotations

import torch
from torch import Tensor

from genai.noise import Noise

HALVES = ("left", "right", "top", "bottom")
MIDDLE = 0.5
STROKES = 4  # of a brush: a line through so many points and one


def drawn(kind: str, area: float, noise: Noise, size: tuple[int, int], device: torch.device) -> Tensor:
    """A hole for each row, (rows, 1, height, width) bool, about a share `area` of the picture for boxes and brushes."""
    height, width = size
    y = (torch.arange(height, device=device) + 0.5) / height
    x = (torch.arange(width, device=device) + 0.5) / width
    if kind == "box":
        return _boxes(noise.uniform(3), area, y, x)[:, None]
    if kind == "brush":
        return _strokes(noise.uniform(STROKES + 1, 2), area, y, x)[:, None]
    left, top = x < MIDDLE, (y < MIDDLE)[:, None]
    halves = {"left": left, "right": ~left, "top": top, "bottom": ~top}
    each = torch.stack([halves[name].expand(height, width) for name in HALVES])
    number = (noise.uniform() * len(HALVES)).long() if kind == "half" else torch.full((noise.rows,), HALVES.index(kind))
    return each[number.to(device)][:, None]


def _boxes(at: Tensor, area: float, y: Tensor, x: Tensor) -> Tensor:
    """Boxes of one area, of sides between its square and twice as long as wide, anywhere in the picture."""
    stretch = 2 ** (at[:, 0] - 0.5)
    tall = (area**0.5 * stretch).clamp(min=area, max=1)
    wide = area / tall
    top, left = at[:, 1] * (1 - tall), at[:, 2] * (1 - wide)
    rows = (y >= top[:, None]) & (y < (top + tall)[:, None])
    columns = (x >= left[:, None]) & (x < (left + wide)[:, None])
    return rows[:, :, None] & columns[:, None, :]


def _strokes(points: Tensor, area: float, y: Tensor, x: Tensor) -> Tensor:
    """A line from point to point, as thick as makes the area: the pixels that are nearest to it."""
    start, stop = points[:, :-1], points[:, 1:]  # (rows, strokes, 2)
    way = stop - start
    pixels = torch.stack(torch.meshgrid(y, x, indexing="ij"), -1).flatten(0, 1)  # (pixels, 2)
    to = pixels[None, None] - start[:, :, None]
    along = (to * way[:, :, None]).sum(-1) / way.square().sum(-1, keepdim=True).clamp(min=1e-12)
    distance = (to - along.clamp(0, 1)[..., None] * way[:, :, None]).square().sum(-1).amin(1)
    count = max(1, round(area * distance.shape[1]))
    farthest = distance.kthvalue(count, dim=1, keepdim=True).values
    return (distance <= farthest).view(-1, len(y), len(x))
