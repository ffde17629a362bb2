"""The digest that names a checkpoint."""

import pytest

from genai.checkpoint_files import CONFIG, MODEL, digest_of
from genai.errors import IntegrityError

FILES = {CONFIG: b"{}", MODEL: b"weights"}


@pytest.mark.parametrize("changed", [{CONFIG: b"[]"}, {MODEL: b"Weights"}, {CONFIG: b"weights", MODEL: b"{}"}])
def test_the_digest_is_of_both_files_under_their_names(changed):
    """Any other byte of either is another checkpoint; whatever else there is, and in what order, is not."""
    assert digest_of(FILES | changed) != digest_of(FILES)
    assert digest_of({"metrics.json": b"x", MODEL: b"weights", CONFIG: b"{}"}) == digest_of(FILES)


@pytest.mark.parametrize("name", [CONFIG, MODEL])
def test_a_file_that_is_missing_is_named(name):
    """Both are needed."""
    with pytest.raises(IntegrityError, match=f"checkpoint: no {name}"):
        digest_of({other: data for other, data in FILES.items() if other != name})
