"""Attention of several heads among tokens, as the networks share it (Vaswani et al. 2017)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def heads_of(width: int) -> int:
    """How many heads a layer of a width has: four, or as many as divide it."""
    return next(heads for heads in (4, 2, 1) if width % heads == 0)


def attended(qkv: Tensor, heads: int, mask: Tensor | None = None) -> Tensor:
    """(rows, tokens, 3 width), queries, keys and values side by side -> (rows, tokens, width); `mask` says which tokens
    are looked at.
    """
    q, k, v = qkv.reshape(*qkv.shape[:2], 3, heads, -1).permute(2, 0, 3, 1, 4)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)
