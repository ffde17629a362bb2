"""Texts that are molecules: SMILES (Weininger 1988) that RDKit reads and finds possible.

Decisions: a text is one SMILES and nothing else, so no name behind a space and no extensions of ChemAxon's. What RDKit
calls sanitising (valences, rings, aromaticity) is part of the question, since a text may be well formed and yet no
molecule.
RDKit's own words on each fault are kept off the terminal: the reasons are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Le, doc

from genai.errors import InputError
from genai.filters import Filter

if TYPE_CHECKING:
    import numpy as np

    from genai.modalities import Modality


@dataclass(frozen=True)
class Smiles(Filter):
    """SMILES of possible molecules."""

    heavy_atoms: (
        Annotated[Annotated[int, Ge(1), Le(10_000)], doc("Atoms that are no hydrogen, at most; null: any number.")]
        | None
    ) = None

    libraries: ClassVar[tuple[str, ...]] = ("rdkit",)
    extra: ClassVar[str] = "molecules"

    def fits(self, modality: Modality) -> None:
        from genai.modalities.text import Text

        if not isinstance(modality, Text):
            raise InputError(f"found the filter smiles for rows of {modality.noun}s; allowed: texts")

    def judge(self, arrays: np.ndarray, labels: Sequence[str | None], modality: Modality) -> list[str | None]:
        self.versions()
        from rdkit.rdBase import BlockLogs

        with BlockLogs():
            return [self._fault(cell.decode()) for cell in modality.cells(arrays)]

    def _fault(self, text: str) -> str | None:
        from rdkit.Chem import SanitizeMol

        molecule = _read(text)
        if molecule is None:
            return "cannot be parsed"
        if SanitizeMol(molecule, catchErrors=True):
            return "no possible molecule"
        if self.heavy_atoms is not None and molecule.GetNumHeavyAtoms() > self.heavy_atoms:
            return f"more than {self.heavy_atoms} heavy atoms"
        return None


def _read(text: str) -> Any:
    """The molecule as it is written, unjudged; None where that is no SMILES."""
    from rdkit.Chem import MolFromSmiles, SmilesParserParams

    if not text or not text.isascii() or any(character.isspace() for character in text):
        return None
    how: Any = SmilesParserParams()
    how.sanitize, how.allowCXSMILES, how.parseName = False, False, False
    return MolFromSmiles(text, how)
