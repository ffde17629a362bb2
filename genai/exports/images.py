"""A folder of images: `files`, of rows that are pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from genai.errors import InputError
from genai.exports.files import Files

if TYPE_CHECKING:
    from genai.modalities import Modality


@dataclass(frozen=True)
class Images(Files):
    """One file an image."""

    def fits(self, modality: Modality) -> None:
        if modality.noun != "image":
            raise InputError(f"found images of rows that are {modality.noun}s; allowed: files, or another kind")
