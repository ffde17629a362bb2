"""Pretrained pipelines as networks: loaded from a folder of checked files, called with prompts and noise.

Only safetensors are read, from disk alone, and no code of the folder's is run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genai.errors import InputError
from genai.networks.transformer import choose
from genai.noise import Noise

LOCAL: dict[str, Any] = {"use_safetensors": True, "local_files_only": True, "trust_remote_code": False}


def prompts_of(c: Tensor) -> list[str]:
    """The texts of captions, (B, bytes)."""
    return [bytes(row).rstrip(b"\0").decode() for row in c.cpu().numpy().astype(np.uint8)]


def generators(noise: Noise) -> list[torch.Generator]:
    """One for each row, seeded from its own noise: 48 bits of it."""
    high, low = (noise.uniform(2).double().cpu() * 2**24).long().unbind(1)
    return [torch.Generator().manual_seed(seed) for seed in (high * 2**24 + low).tolist()]


class Pictures(nn.Module):
    """A text-to-image pipeline of diffusers."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        from diffusers import DiffusionPipeline
        from diffusers.utils import logging
        from transformers.utils import logging as inner

        logging.disable_progress_bar()
        inner.disable_progress_bar()
        with _loading():
            self.pipe = DiffusionPipeline.from_pretrained(str(folder), dtype=torch.float32, **LOCAL)
        self.pipe.set_progress_bar_config(disable=True)
        self.parts = nn.ModuleDict({k: part for k, part in self.pipe.components.items() if isinstance(part, nn.Module)})

    def forward(
        self,
        c: Tensor,
        noise: Noise,
        size: int | tuple[int, int] | None,
        steps: int,
        guidance: float,
        negative: str,
    ) -> Tensor:
        """Captions (B, bytes) -> (B, 3, height, width) in [-1, 1]."""
        pipe, prompts = self.pipe, prompts_of(c)
        height, width = size if isinstance(size, tuple) else (size,) * 2
        _check_tokens(prompts, pipe.tokenizer, pipe.tokenizer.model_max_length)
        fold, own = pipe.vae_scale_factor, pipe.unet.config
        sides = [side // fold if side else own.sample_size for side in (height, width)]
        made = pipe(
            prompts,
            height=height,
            width=width,
            num_inference_steps=steps,
            guidance_scale=guidance,
            negative_prompt=[negative] * len(prompts) if negative else None,
            latents=noise.normal(own.in_channels, *sides),
            generator=generators(noise),
            output_type="pt",
        )
        return made.images.float() * 2 - 1


class Words(nn.Module):
    """A causal language model of transformers, and its tokenizer."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        with _loading():
            self.tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
            self.model = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32, **LOCAL)

    def forward(
        self,
        c: Tensor,
        noise: Noise,
        prompt_tokens: int,
        new_tokens: int,
        length: int,
        temperature: float,
        top_k: int | None,
        top_p: float,
    ) -> Tensor:
        """Captions (B, bytes) -> the bytes of texts, (B, length), zeros behind."""
        from transformers import GenerationConfig

        prompts, end = prompts_of(c), self.model.generation_config.eos_token_id
        tokens, seen = self._padded(_check_tokens(prompts, self.tokenizer, prompt_tokens), prompt_tokens)

        def drawn(_: Tensor, logits: Tensor) -> Tensor:
            chosen = choose(logits.float(), noise.uniform(), temperature, top_k, top_p)
            return torch.full_like(logits, -torch.inf).scatter_(1, chosen[:, None], 0)

        how = GenerationConfig(max_new_tokens=new_tokens, do_sample=False, eos_token_id=end, pad_token_id=self._pad)
        found = self.model.generate(
            tokens.to(c.device), attention_mask=seen.to(c.device), generation_config=how, logits_processor=[drawn]
        )
        texts = self.tokenizer.batch_decode(found[:, prompt_tokens:], skip_special_tokens=True)
        return torch.stack([_bytes(text, length) for text in texts])

    @property
    def _pad(self) -> int:
        """Whatever it is: it is not seen."""
        own, end = self.tokenizer.pad_token_id, self.model.generation_config.eos_token_id
        return own if own is not None else end if isinstance(end, int) else 0

    def _padded(self, found: list[list[int]], places: int) -> tuple[Tensor, Tensor]:
        """Tokens at the right of as many places, and which places have one."""
        tokens = torch.full((len(found), places), self._pad)
        seen = torch.zeros_like(tokens)
        for row, (own, mask) in enumerate(zip(tokens, seen, strict=True)):
            own[places - len(found[row]) :] = torch.tensor(found[row])
            mask[places - len(found[row]) :] = 1
        return tokens, seen


def _check_tokens(prompts: list[str], tokenizer: Any, most: int) -> list[list[int]]:
    """The tokens of each prompt. Raises InputError where one has none, or too many."""
    found = tokenizer(prompts, truncation=False, verbose=False)["input_ids"]
    for prompt, tokens in zip(prompts, found, strict=True):
        if not 0 < len(tokens) <= most:
            raise InputError(f"prompt {prompt[:100]!r}: found {len(tokens):,} tokens; allowed: 1 to {most:,}")
    return found


def _bytes(text: str, length: int) -> Tensor:
    """UTF-8 without zeros, as many characters as fit."""
    data = text.replace("\0", "").encode(errors="replace")[:length].decode(errors="ignore").encode()
    return torch.tensor([*data, *[0] * (length - len(data))], dtype=torch.int64)


@contextmanager
def _loading() -> Iterator[None]:
    """Where what hostile files make of the libraries, which may be anything, becomes ours."""
    try:
        yield
    except Exception as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())[:400]
        raise InputError(f"the pipeline cannot be loaded ({why}); allowed: what save_pretrained wrote") from error
