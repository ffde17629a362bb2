"""What holds for every filter: one of each in the suite that a user's own inherits. A new filter adds a class."""

import subprocess
import sys

from genai import filters
from genai.filters import Filter
from genai.filters.smiles import Smiles
from genai.modalities.text import Text
from genai.registry import find, names
from genai.testing.filters import FilterSuite


class TestSmiles(FilterSuite):
    filter = Smiles(heavy_atoms=12)
    modality = Text(length=60)
    kept = ("CCO", "c1ccccc1O", "C[C@H](N)C(=O)O", "[Na+].[Cl-]")
    refused = (
        ("CC(", "cannot be parsed"),
        ("C1CC", "cannot be parsed"),
        ("CCO ethanol", "cannot be parsed"),
        ("Ünsinn", "cannot be parsed"),
        ("C(C)(C)(C)(C)C", "no possible molecule"),
        ("c1cccc1", "no possible molecule"),
        ("CCCCCCCCCCCCC", "more than 12 heavy atoms"),
    )


def test_every_filter_is_put_to_the_test():
    """A filter without rows to judge would go untested."""
    tested = {type(suite.filter) for suite in FilterSuite.__subclasses__()}
    assert tested >= {find(filters, name, Filter) for name in names(filters)}


def test_nothing_heavy_is_imported_to_check_a_job_file():
    """Neither NumPy nor what a filter judges with."""
    asked = "".join(f"import genai.filters.{name}\n" for name in names(filters))
    code = f"import sys\n{asked}assert not {{'numpy', 'torch', 'rdkit'}} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
