"""Symbols that are learned from texts: characters, or pieces of words by byte-pair encoding.

What is learned is a text, so that it can stand in a checkpoint's config: the characters, sorted; or the merges of the
encoding, a pair a line, in their order, as GPT-2's merges.txt has them (Sennrich et al. 2016; over bytes, Radford et
al. 2019), by Hugging Face's `tokenizers`. Neither depends on the order of the texts: the encoding is learned from those
of the smallest SHA-256, in that order, as many as have `BPE_BYTES`. Token 0 ends a text, so the tokens begin with 1.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from genai.errors import DataError, InputError

CHARACTERS = 1 << 15  # that a data set may have
BPE_BYTES = 1 << 26  # of texts that an encoding is learned from
TOKEN = 32  # bytes of a token, at most


@dataclass(frozen=True)
class Codec:
    """Texts to tokens and back. `pieces` are the bytes of token 1, 2, …"""

    pieces: tuple[bytes, ...]
    encode: Callable[[str], list[int]]

    def text(self, tokens: Iterable[int]) -> bytes:
        """The bytes of tokens up to the first 0."""
        found = []
        for token in tokens:
            if token == 0:
                break
            found.append(self.pieces[token - 1])
        return b"".join(found)


@lru_cache(maxsize=8)
def codec(symbols: str, learned: str) -> Codec:
    """The tokens of what was learned. Raises ValueError where that is not what it should be."""
    return _of_characters(learned) if symbols == "characters" else _of_merges(learned)


def learn_characters(texts: Iterable[bytes]) -> str:
    """All characters of the texts. Raises DataError where they are too many."""
    found: set[str] = set()
    for text in texts:
        found.update(text.decode())
        if len(found) > CHARACTERS:
            raise DataError(
                f"found more than {CHARACTERS:,} different characters; allowed: data.modality.symbols: bytes, or bpe"
            )
    return "".join(sorted(found))


def _of_characters(learned: str) -> Codec:
    places = {character: place for place, character in enumerate(learned, 1)}
    if not learned or "\0" in places or "".join(sorted(places)) != learned:
        raise ValueError("its characters are not sorted, or stand twice")

    def encode(text: str) -> list[int]:
        try:
            return [places[character] for character in text]
        except KeyError as error:
            raise DataError(f"the text has the character {error}, which no row has that was learned from") from None

    return Codec(tuple(character.encode() for character in learned), encode)


def learn_merges(texts: Iterable[bytes], vocabulary: int) -> str:
    """The merges of an encoding of at most so many tokens. Raises InputError where `tokenizers` is missing."""
    tokenizers = _library()
    made = _tokenizer(tokenizers.models.BPE())
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocabulary, initial_alphabet=_alphabet(), max_token_length=TOKEN, show_progress=False
    )
    made.train_from_iterator((text.decode() for text in _some(texts)), trainer)
    pairs = _merges_of(made)
    return "\n".join(f"{left} {right}" for left, right in pairs)


def _some(texts: Iterable[bytes]) -> list[bytes]:
    """Those of the smallest hash, in its order, as many as have `BPE_BYTES` together."""
    held: list[tuple[int, bytes]] = []  # a heap whose first has the largest hash
    size, bound = 0, 1 << 256
    for text in texts:
        place = int.from_bytes(hashlib.sha256(text).digest())
        if place >= bound:
            continue
        heapq.heappush(held, (-place, text))
        size += len(text)
        while size > BPE_BYTES:
            first, dropped = heapq.heappop(held)
            size, bound = size - len(dropped), -first
    return [text for _, text in sorted(held, reverse=True)]


def _of_merges(learned: str) -> Codec:
    places = {character: place for place, character in enumerate(_alphabet())}
    pairs = [line.split(" ") for line in learned.split("\n") if learned]
    for pair in pairs:
        if len(pair) != 2 or not set(pair) <= places.keys() or len("".join(pair)) > TOKEN:
            raise ValueError(f"found {str(pair)[:100]} among its merges")
        places.setdefault("".join(pair), len(places))
    own = _bytes_of()
    pieces = tuple(bytes(own[character] for character in token) for token in places)

    @cache
    def made() -> Any:
        tokenizers = _library()
        return _tokenizer(tokenizers.models.BPE(vocab=places, merges=[tuple(pair) for pair in pairs]))

    return Codec(pieces, lambda text: [place + 1 for place in made().encode(text).ids])


def _tokenizer(model: Any) -> Any:
    tokenizers = _library()
    made = tokenizers.Tokenizer(model)
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return made


def _merges_of(made: Any) -> list[list[str]]:
    import json

    return list(json.loads(made.to_str())["model"]["merges"])


def _library() -> Any:
    try:
        import tokenizers
    except ImportError:
        raise InputError(
            "data.modality.symbols: bpe needs tokenizers, which is not installed; pip install 'genai-jobs[bpe]', or "
            "allowed: bytes, characters"
        ) from None
    return tokenizers


@cache
def _bytes_of() -> dict[str, int]:
    """The letters that stand for bytes in merges: what can be seen for itself, others from U+0100 on."""
    seen = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = sorted(set(range(256)) - set(seen))
    return {chr(byte): byte for byte in seen} | {chr(256 + n): byte for n, byte in enumerate(hidden)}


def _alphabet() -> list[str]:
    """All bytes but NUL, which no text holds."""
    return sorted(character for character, byte in _bytes_of().items() if byte)
