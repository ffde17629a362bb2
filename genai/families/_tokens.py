"""What families of tokens share: how the next one is chosen (what `generate.sampler:` may say), and how wide a
transformer may be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le, doc

from genai.errors import InputError


@dataclass(frozen=True)
class Sampling:
    """From which part of a token's distribution it is drawn."""

    temperature: Annotated[float, Gt(0), Le(100), doc("Below 1: likelier tokens, less variety.")] = 1.0
    top_k: Annotated[int, Ge(1), doc("Only so many of the likeliest tokens; null: all.")] | None = None
    top_p: Annotated[float, Gt(0), Le(1), doc("Only the likeliest tokens that together are as probable.")] = 1.0


def check_heads(width: int, heads: int, prefix: str = "") -> None:
    """Each head takes an equal share of the width, in pairs of numbers, which positions turn. Raises InputError."""
    if width % (2 * heads):
        found = f"{prefix}width {width:,} and {prefix}heads {heads:,}"
        raise InputError(f"found {found}; allowed: a width that is a multiple of twice the heads, {2 * heads:,}")
