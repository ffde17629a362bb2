"""SMILES: what RDKit is asked, and what it may say."""

from dataclasses import dataclass

import numpy as np
import pytest

from genai.errors import InputError
from genai.filters.smiles import Smiles
from genai.modalities.image import Image
from genai.modalities.text import Text

TEXTS = Text(length=20)
ANY = Smiles()


def judge(*texts, filter_=ANY):
    """What the filter says of some texts."""
    rows = np.array([list(text.encode().ljust(20, b"\0")) for text in texts], np.uint8)
    return filter_.judge(rows, [None] * len(texts), TEXTS)


def test_rdkit_says_nothing_of_its_own(capfd):
    """Each refused molecule would be four lines on the terminal of a worker."""
    assert judge("CC(", "c1cccc1") == ["cannot be parsed", "no possible molecule"]
    assert capfd.readouterr() == ("", "")


def test_a_sample_without_a_character_is_no_molecule():
    """A model may end before it begins; RDKit would read that as a molecule of no atoms."""
    assert judge("", "C") == ["cannot be parsed", None]


def test_any_number_of_atoms_is_allowed_unless_one_is_said():
    """Hydrogen is not counted."""
    assert judge("CCCCCC", filter_=Smiles(heavy_atoms=6)) == judge("C" * 20) == [None]


def test_rows_that_are_no_texts_are_refused():
    """Before anything is trained."""
    with pytest.raises(InputError, match="found the filter smiles for rows of images; allowed: texts"):
        Smiles().fits(Image())


@dataclass(frozen=True)
class Elsewhere(Smiles):
    libraries = ("no-such-chemistry",)


def test_a_library_that_is_missing_is_one_clear_error():
    """With the line that installs it."""
    with pytest.raises(InputError, match=r"needs no-such-chemistry, .*; pip install 'genai-jobs\[molecules\]', or"):
        judge("C", filter_=Elsewhere())
