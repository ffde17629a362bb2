"""The two files of a checkpoint, and the digest that names it. Needs no torch."""

from __future__ import annotations

from genai.errors import IntegrityError
from genai.identity import canonical, sha256

VERSION = 1
CONFIG, MODEL = "config.json", "model.safetensors"


def digest_of(files: dict[str, bytes]) -> str:
    """The digest of a checkpoint's files."""
    missing = {CONFIG, MODEL} - set(files)
    if missing:
        raise IntegrityError(f"checkpoint: no {' and no '.join(sorted(missing))}")
    return sha256(canonical({name: sha256(files[name]) for name in (CONFIG, MODEL)}))
