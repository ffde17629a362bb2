"""Every error that a user can meet: provoked, told in our words, and written down in docs/errors.md."""

import os
import re

import pytest

from jobs.stores import _s3_errors, file
from tests.conftest import SECRET_KEY
from tests.errors.elsewhere import ELSEWHERE
from tests.errors.page import page
from tests.errors.provoked import ALL
from tests.errors.sites import ROOT, sites

pytestmark = pytest.mark.s3
PAGE = ROOT / "docs/errors.md"
LONGEST = 700  # letters of one message
LINES = {  # messages of several lines
    "many_faults", "key_no_text", "driver_killed", "cluster_bare", "cluster_refused", "cluster_let_through",
    "cluster_negative", "cluster_python", "cluster_keys",
}  # fmt: skip


@pytest.fixture(scope="module")
def outcomes(told):
    """All that was told, in the order of the files."""
    return [told(name) for name in ALL]


@pytest.fixture(scope="module")
def messages(outcomes):
    """The words of each error, and of those that it came from."""
    return [str(error) for one in outcomes for error in one.chain]


@pytest.mark.parametrize("name", ALL)
def test_an_error_is_one_plain_message(told, name):
    """One line of bounded length; no traceback, no address of memory, no secret; and the exit code of its class."""
    one = told(name)

    assert one.code in (1, 2, 75, 124, 130)
    assert name in LINES or (len(one.message) <= LONGEST and "\n" not in one.message)
    assert not re.search(r"Traceback|File \"|<class |object at 0x", one.message)
    assert SECRET_KEY not in one.message
    assert "key:secret" not in one.message


def test_the_page_is_as_the_errors_are(outcomes):
    """docs/errors.md is what they tell now; `make errors` writes it."""
    made = page(outcomes)
    if os.environ.get("GENAI_WRITE_ERRORS"):
        PAGE.write_text(made)

    assert PAGE.read_text() == made, "docs/errors.md is not what the errors say now: run `make errors`"


def test_every_error_is_provoked_or_listed(messages):
    """Each place in the source that makes one is met here, or stands in `elsewhere.py` with its reason."""
    missing = [
        f"{site.file}:{site.first}: {site.words}"
        for site in sites()
        if not site.carries and not _listed(site) and not any(map(site.fits, messages))
    ]

    assert missing == [], "\n".join(["provoke these in tests/errors, or list them in elsewhere.py:", *missing])


@pytest.mark.parametrize("table", ["REFUSALS", "FAULTS", "REFUSED_CODES", "PASSING_CODES", "CLASSES"])
def test_every_sentence_of_a_table_is_provoked(messages, table):
    """The stores keep their advice in tables; no line of one is left out."""
    found = getattr(_s3_errors if table.endswith(("CODES", "CLASSES")) else file, f"_{table}")
    sentences = {line[1] if isinstance(line, tuple) else line for line in found.values()}

    assert [sentence for sentence in sentences if not any(sentence in message for message in messages)] == []


@pytest.mark.parametrize("entry", ELSEWHERE, ids=" ".join)
def test_what_is_listed_is_there_and_is_not_provoked(messages, entry):
    """A place in the source, and a test that is where the list says; nothing is listed that could be provoked."""
    found = [site for site in sites() if _is(site, entry)]
    _, test = ELSEWHERE[entry]
    path, _, name = test.partition("::")

    assert len(found) == 1
    assert not any(map(found[0].fits, messages))
    assert not test or f"def {name}(" in (ROOT / path).read_text()


def _listed(site):
    return any(_is(site, entry) for entry in ELSEWHERE)


def _is(site, entry):
    return site.file == entry[0] and entry[1] in site.words
