"""Pretrained language models of transformers as networks: one that goes on with a prompt (a decoder), or one that reads
the prompt with an encoder first (Raffel et al. 2020, Lewis et al. 2020), for translation and summaries.

- Every prompt is padded to one place more than a job allows, on the left for a decoder and on the right for an encoder.
  So no row's bits hang on how long the prompts beside it are, and none is without padding, for which the library has
  another path.
- Of the model's own `generation_config.json` only what says which tokens may stand where is kept: how they are drawn is
  the job's, beams would make rows of their own, and `max_time` is a clock's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genai.errors import InputError
from genai.networks.chat import Turns
from genai.networks.pipeline import LOCAL, check_tokens, counted, loading, prompts_of, silence, told
from genai.networks.transformer import choose
from genai.noise import Noise

KEPT = (
    "bos_token_id", "eos_token_id", "decoder_start_token_id", "forced_bos_token_id", "forced_eos_token_id",
    "bad_words_ids", "suppress_tokens", "begin_suppress_tokens", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size",
)  # fmt: skip


class Words(nn.Module):
    """A language model and its tokenizer. `languages` are those that it translates from and into."""

    def __init__(
        self,
        folder: Path,
        prompt_tokens: int,
        new_tokens: int,
        length: int,
        turns: Turns | None = None,
        languages: tuple[str, str] = ("", ""),
    ) -> None:
        super().__init__()
        silence()
        from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

        self.prompt_tokens, self.new_tokens, self.length, self.turns = prompt_tokens, new_tokens, length, turns
        with loading(folder):
            self.encodes = AutoConfig.from_pretrained(str(folder), **_plain(LOCAL)).is_encoder_decoder
            kind = AutoModelForSeq2SeqLM if self.encodes else AutoModelForCausalLM
            self.tokenizer = AutoTokenizer.from_pretrained(str(folder), **_plain(LOCAL))
            self.model = kind.from_pretrained(str(folder), dtype=torch.float32, **LOCAL)
            if hasattr(self.tokenizer, "punc_normalizer"):  # Marian's, who uses another library where that is installed
                self.tokenizer.punc_normalizer = str
            self.model.generation_config = self._kept()
            self._translate(*languages)

    def forward(
        self, c: Tensor, noise: Noise, temperature: float, top_k: int | None, top_p: float, repetition_penalty: float
    ) -> Tensor:
        """Captions (B, bytes) -> the bytes of texts, (B, length), zeros behind."""
        from transformers import GenerationConfig

        def drawn(_: Tensor, logits: Tensor) -> Tensor:
            chosen = choose(logits.float(), noise.uniform(), temperature, top_k, top_p)
            return torch.full_like(logits, -torch.inf).scatter_(1, chosen[:, None], 0)

        how = GenerationConfig(
            max_new_tokens=self.new_tokens, do_sample=False, num_beams=1, pad_token_id=self._pad, disable_compile=True,
            repetition_penalty=float(repetition_penalty),
        )  # fmt: skip
        tokens, seen = self._padded(self._read(prompts_of(c)))
        with _drawing():
            found = self.model.generate(
                tokens.to(c.device), attention_mask=seen.to(c.device), generation_config=how, logits_processor=[drawn]
            )
            begun = 1 if self.encodes else tokens.shape[1]
            own = [self._own(row) for row in found[:, begun:].tolist()]
            texts = self.tokenizer.batch_decode(own, skip_special_tokens=True)
        return torch.stack([_bytes(text, self.length) for text in texts])

    def _kept(self) -> Any:
        from transformers import GenerationConfig

        return GenerationConfig(**{name: getattr(self.model.generation_config, name) for name in KEPT})

    def _translate(self, source: str, target: str) -> None:
        """Tell the tokenizer what it reads, and the model with which token it begins."""
        if source:
            _token(self.tokenizer, source)
            if not hasattr(self.tokenizer, "src_lang"):
                raise InputError(f"model.source_language: found {source!r}; allowed: none, the tokenizer reads one")
            self.tokenizer.src_lang = source
        if target:
            self.model.generation_config.forced_bos_token_id = _token(self.tokenizer, target)

    def _read(self, prompts: list[str]) -> list[list[int]]:
        """The tokens of each prompt."""
        if self.turns:
            return counted(prompts, self.turns.tokens(self.tokenizer, prompts), self.prompt_tokens)
        return check_tokens(prompts, self.tokenizer, self.prompt_tokens)

    @property
    def _ends(self) -> list[int]:
        """The tokens after which nothing comes."""
        found = self.model.generation_config.eos_token_id
        return found if isinstance(found, list) else [] if found is None else [found]

    @property
    def _pad(self) -> int:
        """Whatever it is: it is not seen."""
        own = self.tokenizer.pad_token_id
        return own if own is not None else next(iter(self._ends), 0)

    def _padded(self, found: list[list[int]]) -> tuple[Tensor, Tensor]:
        """Tokens at one end of as many places, and which places have one."""
        places = self.prompt_tokens + 1
        tokens = torch.full((len(found), places), self._pad)
        seen = torch.zeros_like(tokens)
        for row, own in enumerate(found):
            at = slice(0, len(own)) if self.encodes else slice(places - len(own), places)
            tokens[row, at], seen[row, at] = torch.tensor(own), 1
        return tokens, seen

    def _own(self, tokens: list[int]) -> list[int]:
        """What a row drew before it ended: what follows is there because others went on."""
        ends = set(self._ends)
        return tokens[: next((at for at, token in enumerate(tokens) if token in ends), len(tokens))]


def _plain(how: dict[str, Any]) -> dict[str, Any]:
    """Without what is said of weights."""
    return {name: value for name, value in how.items() if name != "use_safetensors"}


def _token(tokenizer: Any, language: str) -> int:
    """The token of a language: its name, or as M2M100 writes it."""
    known = tokenizer.get_vocab()
    for token in (language, f"__{language}__"):
        if token in known:
            return int(known[token])
    raise InputError(f"found the language {language!r}; allowed: one that the tokenizer has a token of")


def _bytes(text: str, length: int) -> Tensor:
    """UTF-8 without zeros, as many characters as fit."""
    data = text.replace("\0", "").encode(errors="replace")[:length].decode(errors="ignore").encode()
    return torch.tensor([*data, *[0] * (length - len(data))], dtype=torch.int64)


@contextmanager
def _drawing() -> Iterator[None]:
    """Where configs that do not fit one another show only now; what a machine has too little of stays what it is."""
    try:
        yield
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise InputError(
            f"the pipeline cannot be drawn from ({told(error)}); allowed: what save_pretrained wrote"
        ) from error
