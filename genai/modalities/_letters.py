"""What is seen of many texts: how long they are, and which characters they are made of, real beside synthetic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genai.look import Figure
from genai.modalities._column import Column
from genai.modalities._histograms import histogram
from genai.modalities._quantiles import KNOTS


def figures(real: Sequence[str], synthetic: Sequence[str]) -> list[Figure]:
    """None where one side has no text."""
    if not (real and synthetic):
        return []
    return [_lengths(real, synthetic), _characters(real, synthetic)]


def _lengths(real: Sequence[str], synthetic: Sequence[str]) -> Figure:
    sides = [np.array([len(text) for text in texts], np.float64) for texts in (real, synthetic)]
    both = np.concatenate(sides)
    knots = tuple(np.linspace(both.min(), both.max(), KNOTS).tolist())
    return histogram(Column("characters of a text", "number", step=1, knots=knots), *sides)


def _characters(real: Sequence[str], synthetic: Sequence[str]) -> Figure:
    sides = [np.array([*map(ord, "".join(texts))], np.int64) for texts in (real, synthetic)]
    found, places = np.unique(np.concatenate(sides), return_inverse=True)
    names = tuple(_NAMED.get(chr(code), chr(code)) for code in found.tolist())
    split = np.split(places.astype(np.float64), [len(sides[0])])
    return histogram(Column("the most frequent characters", "category", categories=names), *split)


_NAMED = {" ": "space", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
