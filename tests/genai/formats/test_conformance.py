"""What every format does."""

import subprocess
import sys
from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest

from genai import formats
from genai.errors import InputError, IntegrityError
from genai.formats import Format, content_digest
from genai.registry import find, name_of, names

ELSEWHERE = """
import hashlib, sys
import numpy as np
from genai import formats
from genai.formats import About, Format, Samples
from genai.modalities.image import Image
from genai.registry import find
arrays = (np.arange(20 * 64) % 251).astype(np.uint8).reshape(20, 8, 8, 1)
about = About(Image(size=8, mode="L"), "c", 1, "k", "g", ("a", "b"), {"y": "1", "x": "2"})
made = find(formats, sys.argv[1], Format)().encode(Samples(np.arange(20), np.arange(20) % 2, arrays), about)
print(hashlib.sha256(made).hexdigest(), "torch" in sys.modules)
"""


@pytest.fixture(params=names(formats))
def form(request):
    return find(formats, request.param, Format)()


def test_a_format_is_a_frozen_dataclass_with_defaults(form):
    """The spec may name it alone; its fields belong to the dataset's key."""
    assert find(formats, name_of(formats, type(form)), Format)() == form
    assert form.suffix.startswith(".")
    with pytest.raises(FrozenInstanceError):
        setattr(form, fields(form)[0].name, None)


def test_what_was_encoded_is_decoded(form, case):
    """Indices, labels and pixels come back from the bytes alone."""
    found = form.decode(form.encode(case.samples, case.about))

    assert (found.indices == case.samples.indices).all()
    assert (found.arrays == case.samples.arrays).all()
    assert found.arrays.shape == case.samples.arrays.shape
    assert (found.labels is None) == (case.samples.labels is None)
    assert found.labels is None or (found.labels == case.samples.labels).all()
    assert content_digest(found) == content_digest(case.samples)


def test_the_same_samples_give_the_same_bytes(form, case):
    """No clock and no chance is in a part."""
    assert form.encode(case.samples, case.about) == form.encode(case.samples, case.about)


def test_the_order_of_the_rows_is_not_in_the_bytes(form, maker):
    """Rows are sorted by index, in whatever order a worker drew them."""
    case = maker(30)
    order = np.random.default_rng(0).permutation(30)
    mixed = case.samples.rows(order)
    assert form.encode(mixed, case.about) == form.encode(case.samples, case.about)


def test_other_processes_make_the_same_bytes_without_torch(form):
    """Neither the hash seed nor the number of threads of a process changes a part."""
    name = name_of(formats, type(form))
    outputs = {
        subprocess.run(
            [sys.executable, "-c", ELSEWHERE, name],
            env={"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert outputs.pop().endswith(" False\n")


@pytest.mark.parametrize("field", ["checkpoint", "key", "generator"])
def test_what_is_said_about_the_samples_is_in_the_part(form, maker, field):
    """Another checkpoint, dataset or program makes another part, of the same content."""
    case = maker(5)
    other = form.encode(case.samples, replace(case.about, **{field: "other"}))
    assert other != form.encode(case.samples, case.about)
    assert content_digest(form.decode(other)) == content_digest(case.samples)


@pytest.mark.parametrize(
    "harm",
    [lambda data: b"", lambda data: data[:-20], lambda data: b"no" + data[40:-40]],
    ids=["empty", "cut", "foreign"],
)
def test_what_is_no_part_is_refused(form, maker, harm):
    """Cut or foreign bytes are one error of ours."""
    case = maker(5)
    with pytest.raises(IntegrityError, match="not a part of ours"):
        form.decode(harm(form.encode(case.samples, case.about)))


def test_labels_beyond_the_classes_are_a_fault_of_ours(form, maker):
    """No part is written whose labels have no name."""
    case = maker(5)
    with pytest.raises(AssertionError, match="label 2, there are 2 classes"):
        form.encode(case.samples, replace(case.about, classes=("a", "b")))


@pytest.mark.parametrize("suffix", [".antigravity:x", "antigravity:x", ":", ".../x", "", ".", ".parket"])
def test_a_suffix_that_is_no_format_imports_nothing(suffix):
    """It stands in manifests, which may come from anywhere."""
    with pytest.raises(InputError, match="allowed"):
        formats.of(suffix)
    assert "antigravity" not in sys.modules
