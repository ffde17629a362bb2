"""Pretrained pipelines as networks: loaded from a folder of checked files, called with prompts and noise. Those that
make pictures; those that write are in `genai.networks.words`.

Only safetensors are read, from disk alone, and no code of the folder's is run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any
from warnings import catch_warnings

import numpy as np
import torch
from torch import Tensor, nn

from genai.errors import InputError
from genai.noise import Noise

TOKENIZERS = ("tokenizer", "tokenizer_2")
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
        silence()
        from diffusers import DiffusionPipeline
        from diffusers.utils import logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()
        with loading(folder):
            self.pipe = DiffusionPipeline.from_pretrained(str(folder), dtype=torch.float32, **LOCAL)
        self.pipe.watermark = None  # Stable Diffusion XL's: pixels would tell whether its library is installed
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
        height, width = size if isinstance(size, tuple) else (size,) * 2
        fold, own = self.pipe.vae_scale_factor, self.pipe.unet.config
        sides = [side // fold if side else own.sample_size for side in (height, width)]
        latents = noise.normal(own.in_channels, *sides)
        asked = self._asked(c, noise, steps, guidance, negative)
        return _pixels(self.pipe(height=height, width=width, latents=latents, **asked))

    def varied(
        self, x: Tensor, c: Tensor, noise: Noise, strength: float, steps: int, guidance: float, negative: str
    ) -> Tensor:
        """Pictures (B, 3, height, width) with so much noise laid on them and taken away again (Meng et al. 2022)."""
        from diffusers import AutoPipelineForImage2Image

        pipe = self._as(AutoPipelineForImage2Image)
        asked = self._asked(c, noise, max(steps, ceil(1 / strength)), guidance, negative)
        return _pixels(pipe(image=(x + 1) / 2, strength=strength, **asked))

    def filled(
        self, x: Tensor, hole: Tensor, c: Tensor, noise: Noise, steps: int, guidance: float, negative: str
    ) -> Tensor:
        """Pictures (B, 3, height, width) with what is in `hole` (B, 1, height, width) made anew."""
        from diffusers import AutoPipelineForInpainting

        pipe, (height, width) = self._as(AutoPipelineForInpainting), x.shape[2:]
        asked = self._asked(c, noise, steps, guidance, negative)
        pixels, mask = (x + 1) / 2, hole.to(x.dtype)
        return _pixels(pipe(image=pixels, mask_image=mask, height=height, width=width, strength=1.0, **asked))

    def _as(self, kind: Any) -> Any:
        """The same parts, as a pipeline that begins with pictures."""
        with catch_warnings(action="ignore"):
            pipe = kind.from_pipe(self.pipe)
        pipe.watermark = None
        pipe.set_progress_bar_config(disable=True)
        return pipe

    def _asked(self, c: Tensor, noise: Noise, steps: int, guidance: float, negative: str) -> dict[str, Any]:
        """What any pipeline is told. Raises InputError where a prompt has too many tokens."""
        prompts = prompts_of(c)
        for tokenizer in filter(None, (getattr(self.pipe, name, None) for name in TOKENIZERS)):
            check_tokens([*prompts, *filter(None, [negative])], tokenizer, tokenizer.model_max_length)
        return {
            "prompt": prompts,
            "num_inference_steps": steps,
            "guidance_scale": guidance,
            "negative_prompt": [negative] * len(prompts) if negative else None,
            "generator": generators(noise),
            "output_type": "pt",
        }


def _pixels(made: Any) -> Tensor:
    pixels: Tensor = made.images.float() * 2 - 1
    return pixels


def check_tokens(prompts: list[str], tokenizer: Any, most: int) -> list[list[int]]:
    """The tokens of each prompt. Raises InputError where one has none, or too many."""
    return counted(prompts, tokenizer(prompts, truncation=False, verbose=False)["input_ids"], most)


def counted(prompts: list[str], found: list[list[int]], most: int) -> list[list[int]]:
    """As many tokens as are taken. Raises InputError where a prompt has none, or too many."""
    for prompt, tokens in zip(prompts, found, strict=True):
        if not 0 < len(tokens) <= most:
            raise InputError(f"prompt {prompt[:100]!r}: found {len(tokens):,} tokens; allowed: 1 to {most:,}")
    return found


def silence() -> None:
    """Nothing of transformers' is printed beside the run's own events."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


@contextmanager
def loading(folder: Path) -> Iterator[None]:
    """Where what hostile files make of the libraries, which may be anything, becomes ours; what these merely warn of
    passes. The folder is a passing one, and not named.
    """
    try:
        with catch_warnings(action="ignore"):
            yield
    except InputError:
        raise
    except Exception as error:
        why = told(error, folder)
        raise InputError(f"the pipeline cannot be loaded ({why}); allowed: what save_pretrained wrote") from error


def told(error: Exception, folder: Path | None = None) -> str:
    """An error of a library, in a line."""
    text = f"{type(error).__name__}: {error}"
    return " ".join((text.replace(str(folder), "its folder") if folder else text).split())[:400]
