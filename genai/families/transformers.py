"""A pretrained language model of Hugging Face's transformers that goes on with prompts (Radford et al. 2019).

- A token is the inverse of its distribution's sum at one uniform number of the row's own noise, as with `gpt`.
- Every prompt is padded, on its left, to one length that the job says, so that no row's bits depend on how long its
  neighbours' prompts are.
- The text is what follows the prompt, without special tokens, as UTF-8; a longer one is cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Le, doc

from genai.errors import InputError
from genai.families import Pretrained
from genai.families._tokens import Sampling

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from genai.noise import Noise

CAUSAL = ("ForCausalLM", "LMHeadModel")
PLACES = ("max_position_embeddings", "n_positions")


@dataclass(frozen=True)
class Transformers(Pretrained):
    """Texts that go on with prompts, by a causal language model that transformers saved."""

    new_tokens: Annotated[int, Ge(1), Le(1 << 16), doc("Tokens that are drawn, at most.")] = 64
    length: Annotated[int, Ge(1), Le(1 << 16), doc("Bytes of a text, at most; a longer one is cut.")] = 512
    prompt_tokens: Annotated[int, Ge(1), Le(1 << 16), doc("Tokens of a prompt, at most.")] = 64
    prompt_length: Annotated[int, Ge(1), Le(4096), doc("Bytes of a prompt, at most.")] = 512

    Sampler = Sampling
    tokens = True
    libraries: ClassVar[tuple[str, ...]] = ("transformers",)

    def rows(self, configs: Mapping[str, Any]) -> dict[str, Any]:
        config = configs.get("config.json", {})
        made = str((config.get("architectures") or ["no config.json with architectures"])[0])[:100]
        if not made.endswith(CAUSAL):
            raise InputError(f"found {made}; allowed: a causal language model, …{' or …'.join(CAUSAL)}")
        most = min((int(config[name]) for name in PLACES if config.get(name)), default=1 << 20)
        if self.prompt_tokens + self.new_tokens > most:
            found = f"prompt_tokens {self.prompt_tokens:,} and new_tokens {self.new_tokens:,}"
            raise InputError(f"found {found}; allowed: together at most {most:,}, the model's places")
        text = {"kind": "text", "length": self.length}
        return {"kind": "captioned", "length": self.prompt_length, "of": text}

    def load(self, folder: Path) -> nn.Module:
        from genai.networks.pipeline import Words

        return Words(folder)

    def sample(self, net: nn.Module, c: Tensor, noise: Noise, sampler: Sampling) -> Tensor:
        how = sampler.temperature, sampler.top_k, sampler.top_p
        return net(c, noise, self.prompt_tokens, self.new_tokens, self.length, *how)
