"""Drawing: a sample is a pure function of checkpoint, seed, index and attempt."""

from dataclasses import replace

import numpy as np
import pytest

from genai.checkpoint import Checkpoint
from genai.errors import InputError
from genai.families.vae import Vae
from genai.generate import Generator
from genai.modalities.image import Image
from genai.space import Space
from genai.train import initial

FAMILY = Vae("dense", latent=4, width=16)
WEIGHTS = {name: 3 * t for name, t in initial(FAMILY, Space((1, 6, 5)), 3, 0).state_dict().items()}
CHECKPOINT = Checkpoint(FAMILY, Image((6, 5), "L"), ("a", "b", "c"), WEIGHTS, {})
GENERATOR = Generator(CHECKPOINT, seed=1, batch=16)


def test_samples_are_arrays_of_the_modality():
    """uint8, height x width x channels; none for no indices."""
    drawn = GENERATOR.draw([0, 5], [0, 2])
    assert (drawn.shape, drawn.dtype) == ((2, 6, 5, 1), np.uint8)
    assert GENERATOR.draw([], []).shape == (0, 6, 5, 1)


def test_an_index_is_the_same_wherever_it_is_drawn():
    """In several batches, in another order, alone."""
    labels = np.arange(40) % 3
    drawn = GENERATOR.draw(range(40), labels)
    turn = np.random.default_rng(0).permutation(40)
    np.testing.assert_array_equal(GENERATOR.draw(turn.tolist(), labels[turn]), drawn[turn])
    for index in (0, 17, 39):
        np.testing.assert_array_equal(GENERATOR.draw([index], [labels[index]])[0], drawn[index])


@pytest.mark.parametrize("other", [(2, 7, 1, 0), (1, 8, 1, 0), (1, 7, 2, 0), (1, 7, 1, 1)])
def test_seed_index_label_and_attempt_each_matter(other):
    """Any other is another sample."""
    seed, index, label, attempt = other
    usual = GENERATOR.draw([7], [1])
    assert (Generator(CHECKPOINT, seed, 16).draw([index], [label], attempt) != usual).any()


def test_a_batch_is_a_multiple_of_sixteen():
    """Rows at a ragged end would have other bits."""
    assert [Generator(CHECKPOINT, 0, batch).batch for batch in (1, 16, 17)] == [16, 16, 32]


@pytest.mark.parametrize("labels", [[3], [-1], None])
def test_a_label_that_is_none_is_refused(labels):
    """Beyond the classes, or not given where there are classes."""
    with pytest.raises(InputError, match=r"classes|allowed: 0 to 2"):
        GENERATOR.draw([0], labels)


def test_a_checkpoint_without_classes_needs_no_labels():
    """Zeros will do, as in data without labels."""
    family = replace(FAMILY, conditional=False)
    weights = initial(family, Space((1, 6, 5)), 0, 0).state_dict()
    generator = Generator(Checkpoint(family, Image((6, 5), "L"), (), weights, {}), 1, 16)
    np.testing.assert_array_equal(generator.draw([4]), generator.draw([4], [0]))


def test_half_precision_draws_nearly_the_same():
    """bf16 moves few pixels, and those a little."""
    labels = [0] * 16
    exact, half = (Generator(CHECKPOINT, 1, 16, precision=p).draw(range(16), labels) for p in ("fp32", "bf16"))
    assert np.abs(exact.astype(int) - half).mean() < 3
