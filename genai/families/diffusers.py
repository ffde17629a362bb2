"""A pretrained pipeline of Hugging Face's diffusers that makes pictures of prompts (Rombach et al. 2022, Podell et al.
2023).

- The first latents are the row's own noise, and what a scheduler draws on the way comes from a generator of each row,
  seeded from the row's own noise; so a picture depends on its prompt and its index, not on its neighbours.
- Weights are computed with as float32, whatever they are stored as; `generate.precision` says what for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import lcm
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Le, doc

from genai.abilities import Fills, Varies
from genai.errors import InputError
from genai.families import Pretrained

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from genai.noise import Noise

PIPELINES = ("StableDiffusionPipeline", "StableDiffusionXLPipeline")
LIBRARIES = ("diffusers", "transformers", "stable_diffusion")  # the last: the pipeline's own safety checker
OWN_NOISE = ("DPMSolverSDEScheduler",)  # schedulers that no generator reaches
Side = Annotated[int, Ge(8), Le(4096)]


@dataclass(frozen=True)
class Steps:
    """How a pipeline draws."""

    steps: Annotated[int, Ge(1), Le(1000), doc("Steps from noise to sample.")] = 30
    guidance: Annotated[float, Ge(0), Le(100), doc("1: none; above: more of the prompt, less variety.")] = 7.5
    negative: Annotated[str, doc("What pictures are led away from.")] = ""


@dataclass(frozen=True)
class Diffusers(Pretrained, Varies, Fills):
    """Pictures under prompts, by a pipeline that diffusers saved."""

    size: Annotated[Side | tuple[Side, Side] | None, doc("Side, or (height, width); null: as trained.")] = None
    prompt_length: Annotated[int, Ge(1), Le(4096), doc("Bytes of a prompt, at most.")] = 512

    Sampler = Steps
    libraries: ClassVar[tuple[str, ...]] = ("diffusers", "transformers", "accelerate")

    def rows(self, configs: Mapping[str, Any]) -> dict[str, Any]:
        index = configs.get("model_index.json", {})
        if index.get("_class_name") not in PIPELINES:
            found = str(index.get("_class_name", "no model_index.json"))[:100]
            raise InputError(f"found {found}; allowed: {', '.join(PIPELINES)}")
        for name, part in index.items():
            if isinstance(part, list) and part[0] not in (*LIBRARIES, None):
                found = str(part)[:100]
                raise InputError(f"found {name[:100]} of {found}; allowed: classes of diffusers and transformers")
        scheduler = str(index.get("scheduler", ["", ""])[1])[:100]
        if scheduler in OWN_NOISE:
            raise InputError(f"found the scheduler {scheduler}, whose noise is no sample's own; allowed: another")
        fold = _fold(configs)
        trained = int(configs["unet/config.json"]["sample_size"]) * fold
        height, width = self.size if isinstance(self.size, tuple) else (self.size or trained,) * 2
        if height % (step := lcm(fold, 8)) or width % step:
            raise InputError(f"found size {height} x {width}; allowed: multiples of {step}")
        picture = {"kind": "image", "size": [height, width], "mode": "RGB"}
        return {"kind": "captioned", "length": self.prompt_length, "of": picture}

    def load(self, folder: Path) -> nn.Module:
        from genai.networks.pipeline import Pictures

        return Pictures(folder)

    def sample(self, net: nn.Module, c: Tensor, noise: Noise, sampler: Steps) -> Tensor:
        return net(c, noise, self.size, sampler.steps, sampler.guidance, sampler.negative)

    def vary(self, net: nn.Module, x: Tensor, c: Tensor, noise: Noise, sampler: Steps, strength: float) -> Tensor:
        how = sampler.steps, sampler.guidance, sampler.negative
        return net.varied(x, c, noise, strength, *how)  # type: ignore[operator]

    def fill(self, net: nn.Module, x: Tensor, hole: Tensor, c: Tensor, noise: Noise, sampler: Steps) -> Tensor:
        how = sampler.steps, sampler.guidance, sampler.negative
        return net.filled(x, hole, c, noise, *how)  # type: ignore[operator]


def _fold(configs: Mapping[str, Any]) -> int:
    """Pixels of a side for each of the latents'."""
    return 2 ** (len(configs["vae/config.json"]["block_out_channels"]) - 1)
