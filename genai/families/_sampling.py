"""How a family of tokens chooses the next one: what `generate.sampler:` may say of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le, doc


@dataclass(frozen=True)
class Sampling:
    """From which part of a token's distribution it is drawn."""

    temperature: Annotated[float, Gt(0), Le(100), doc("Below 1: likelier tokens, less variety.")] = 1.0
    top_k: Annotated[int, Ge(1), doc("Only so many of the likeliest tokens; null: all.")] | None = None
    top_p: Annotated[float, Gt(0), Le(1), doc("Only the likeliest tokens that together are as probable.")] = 1.0
