"""Networks take samples of any size."""

import pytest
import torch

from genai.errors import InputError
from genai.networks.conv import ConvVae
from genai.networks.dense import DenseVae
from genai.networks.gan import Players
from genai.networks.unet import UNet
from genai.networks.vqvae import Quantised
from genai.space import Space

SIZES = [(1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 5, 7), (1, 1, 1), (2, 30, 12)]


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("kind", [DenseVae, ConvVae])
def test_an_autoencoder_gives_back_the_shape(kind, shape):
    """Sides that do not divide are padded and cropped."""
    net, c = kind(shape, 3, latent=5, width=8), torch.tensor([0, 2])
    mean, log_variance = net.encode(torch.zeros(2, *shape), c)
    assert mean.shape == log_variance.shape == (2, 5)
    assert net.decode(mean, c).shape == (2, *shape)


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("widths", [(8,), (8, 16, 24)])
def test_a_velocity_has_the_shape_of_the_sample(shape, widths):
    """With any number of levels."""
    net = UNet(Space(shape), 3, widths, depth=1)
    e = net.label(torch.tensor([0, -1]))
    assert net(torch.zeros(2, *shape), torch.tensor([0.0, 1.0]), e).shape == (2, *shape)


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("widths", [(8,), (8, 16, 24)])
def test_players_make_and_judge_the_shape_of_the_sample(shape, widths):
    """With any number of levels."""
    net, c = Players(shape, 3, 5, widths, depth=1), torch.tensor([0, 2])
    fake = net.generate(torch.zeros(2, 5), c)
    assert fake.shape == (2, *shape)
    assert net.score(fake, c).shape == (2,)


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("halvings", [1, 3])
def test_a_code_covers_the_whole_sample(shape, halvings):
    """As many positions as the sides need."""
    net = Quantised(shape, 3, (4, 3), 8, halvings, (8, 1, 1))
    code = net.encode(torch.zeros(2, *shape))
    assert code.shape == (2, *(-(-side // 2**halvings) for side in shape[1:]), 2)
    assert net.decode(code).shape == (2, *shape)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (ConvVae, (5, 8)),
        (lambda shape, *how: UNet(Space(shape), *how), ((8,), 1)),
        (Players, (5, (8,), 1)),
        (Quantised, ((4, 3), 8, 1, (8, 1, 1))),
    ],
)
def test_what_is_no_image_is_refused(kind, fields):
    """An image network says what it takes."""
    with pytest.raises(InputError, match=r"\(64,\); allowed: images"):
        kind((64,), 0, *fields)
