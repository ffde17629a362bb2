"""A pretrained language model of Hugging Face's transformers that draws texts under prompts: one that goes on with them
(Radford et al. 2019), one that answers them as turns of a dialogue, or one that reads them with an encoder and writes
a translation or a summary (Raffel et al. 2020).

- A token is the inverse of its distribution's sum at one uniform number of the row's own noise, as with `gpt`.
- Every prompt is padded to one length that the job says, so that no row's bits depend on how long its neighbours' are.
- The text is what the model adds, without special tokens, as UTF-8; a longer one is cut.
- A mixture of experts is refused: each expert computes with the tokens of all rows that were sent to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Le, Len, doc

from genai.errors import InputError
from genai.families import Pretrained
from genai.families._tokens import Sampling
from genai.pipeline import mappings

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from genai.noise import Noise

CAUSAL = ("ForCausalLM", "LMHeadModel")
ENCODED = ("Bart", "Blenderbot", "M2M100", "MBart", "MT5", "Pegasus", "T5", "UMT5")  # …ForConditionalGeneration
ENCODERS = ("MarianMTModel", *(f"{name}ForConditionalGeneration" for name in ENCODED))
PLACES = ("max_position_embeddings", "n_positions")
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")


@dataclass(frozen=True)
class Choice(Sampling):
    """From which part of a token's distribution it is drawn; `top_k: 1` is the likeliest one each time."""

    repetition_penalty: Annotated[float, Ge(1), Le(10), doc("Above 1: what stands there already is less likely.")] = 1.0


@dataclass(frozen=True)
class Transformers(Pretrained):
    """Texts under prompts, by a language model that transformers saved."""

    new_tokens: Annotated[int, Ge(1), Le(1 << 16), doc("Tokens that are drawn, at most.")] = 64
    length: Annotated[int, Ge(1), Le(1 << 16), doc("Bytes of a text, at most; a longer one is cut.")] = 512
    prompt_tokens: Annotated[int, Ge(1), Le(1 << 16), doc("Tokens of a prompt, at most.")] = 64
    prompt_length: Annotated[int, Ge(1), Le(4096), doc("Bytes of a prompt, at most.")] = 512
    chat: Annotated[bool, doc("Whether a prompt is a user's turn, under the tokenizer's chat template.")] = False
    system: Annotated[str, Len(0, 1 << 16), doc("What the system's turn before it says; empty: none.")] = ""
    day: Annotated[str, doc("The day that a chat template shows, as 2026-01-31.")] = ""
    source_language: Annotated[str, Len(0, 64), doc("Of the prompts, as the tokenizer names it: eng_Latn.")] = ""
    target_language: Annotated[str, Len(0, 64), doc("Of the texts, as the tokenizer names it: deu_Latn.")] = ""

    Sampler = Choice
    tokens = True
    libraries: ClassVar[tuple[str, ...]] = ("transformers",)

    def __post_init__(self) -> None:
        beside = next((name for name in ("system", "day") if getattr(self, name)), None)
        if beside and not self.chat:
            raise InputError(f"found {beside} without chat; allowed: chat: true beside it")
        if self.day:
            try:
                date.fromisoformat(self.day)
            except ValueError as error:
                raise InputError(f"found day {self.day[:50]!r}; allowed: a day, as 2026-01-31") from error

    def rows(self, configs: Mapping[str, Any]) -> dict[str, Any]:
        config = configs.get("config.json", {})
        made = str((config.get("architectures") or ["no config.json with architectures"])[0])[:100]
        if made not in ENCODERS and not made.endswith(CAUSAL):
            decoders = f"a causal language model, …{' or …'.join(CAUSAL)}"
            raise InputError(f"found {made}; allowed: {decoders}, or one of {', '.join(ENCODERS)}")
        counts = ((name, _number(each, name)) for each in mappings(config) for name in EXPERTS)
        experts = next((f"{name} {number:,}" for name, number in counts if number > 1), "")
        if experts:
            found = f"{experts}, a mixture of experts, whose texts hang on their neighbours'"
            raise InputError(f"found {found}; allowed: a dense model")
        if made in ENCODERS:
            self._check_encoder(config)
        else:
            self._check_decoder(config, made)
        text = {"kind": "text", "length": self.length}
        return {"kind": "captioned", "length": self.prompt_length, "of": text}

    def _check_decoder(self, config: Mapping[str, Any], made: str) -> None:
        languages = next((name for name in ("source_language", "target_language") if getattr(self, name)), None)
        if languages:
            raise InputError(f"found {languages} for {made}, which goes on with prompts; allowed: none")
        most = _most(config, PLACES)
        if self.prompt_tokens + self.new_tokens > most:
            found = f"prompt_tokens {self.prompt_tokens:,} and new_tokens {self.new_tokens:,}"
            raise InputError(f"found {found}; allowed: together at most {most:,}, the model's places")

    def _check_encoder(self, config: Mapping[str, Any]) -> None:
        """One place of the encoder stays empty, and one of the decoder has what it starts with."""
        most = _most(config, PLACES[:1]) - 1
        for name in ("prompt_tokens", "new_tokens"):
            if getattr(self, name) > most:
                raise InputError(f"found {name} {getattr(self, name):,}; allowed: at most {most:,}, the model's places")

    def load(self, folder: Path) -> nn.Module:
        from genai.networks.chat import Turns
        from genai.networks.words import Words

        turns = Turns(self.system, self.day) if self.chat else None
        languages = self.source_language, self.target_language
        return Words(folder, self.prompt_tokens, self.new_tokens, self.length, turns, languages)

    def sample(self, net: nn.Module, c: Tensor, noise: Noise, sampler: Choice) -> Tensor:
        return net(c, noise, sampler.temperature, sampler.top_k, sampler.top_p, sampler.repetition_penalty)


def _most(config: Mapping[str, Any], names: tuple[str, ...]) -> int:
    """Places that a model has; as good as any number where it counts from place to place."""
    return min(filter(None, (_number(config, name) for name in names)), default=1 << 20)


def _number(config: Mapping[str, Any], name: str) -> int:
    return int(config.get(name) or 0)
