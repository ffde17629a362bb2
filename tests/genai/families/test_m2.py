"""What a model learns from rows whose class it is not told."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from genai.errors import InputError
from genai.families.m2 import M2
from genai.noise import IndexNoise, StepNoise
from genai.order import Rows
from genai.testing.exchanges import together
from genai.train import fit
from tests.genai.families import test_conformance

SUITE = test_conformance.TestM2()
SUITE.setup_method()
RECIPE = replace(SUITE._recipe(), batch=64)


def rows(known):
    """Rows of which so many have a label, and others, which all have one, to judge by."""
    arrays, labels = SUITE.data(1400)
    told = np.where(np.arange(1200) < known, labels[:1200], -1)
    return Rows(arrays[:1200], told, RECIPE.batch, RECIPE.micro_batches, 0), (arrays[1200:], labels[1200:])


def trained(known, steps=60, **how):
    data, test = rows(known)
    return fit(SUITE.family, SUITE.modality, 10, data, replace(RECIPE, steps=steps), test=test, **how)


def test_unlabelled_rows_make_a_checkpoint_that_tells_classes():
    """Its error is of the rows that have a label."""
    assert trained(600).measures["error"] < 0.5


def test_any_number_of_workers_makes_the_same_checkpoint_of_unlabelled_rows():
    """Where one has a label and another none."""
    alone = trained(300, steps=4)
    for other in together(2, lambda exchange: trained(300, steps=4, exchange=exchange)):
        assert all(torch.equal(alone.weights[name], tensor) for name, tensor in other.weights.items())


@torch.no_grad()
def test_the_error_counts_rows_with_a_label_only():
    """Amounts and counts, so that a batch without a label says nothing."""
    x, c = SUITE.few()
    hidden = c.masked_fill(torch.arange(len(c)) >= 5, -1)
    error = SUITE.family.held_out(SUITE.network(), x, hidden, IndexNoise(0, range(len(c))))["error"]
    assert error.sum(0)[1].item() == pytest.approx(5)
    assert (error[5:] < 1e-9).all()


def test_a_row_of_which_nothing_is_certain_teaches_the_classifier_nothing():
    """Only its likelihood counts, under some class."""
    x, c = SUITE.few()
    net, none = SUITE.network().train(), torch.full_like(c, -1)
    for certainty, taught in ((1.0, False), (1e-6, True)):
        net.zero_grad()
        replace(SUITE.family, certainty=certainty).loss(net, x, none, StepNoise(0, 0, 0, len(c))).sum().backward()
        assert any(p.grad is not None and p.grad.any() for p in net.classifier.parameters()) is taught


def test_without_labels_it_is_another_family():
    """It needs at least some."""
    with pytest.raises(InputError, match="family: vae"):
        M2(conditional=False).check(3)
