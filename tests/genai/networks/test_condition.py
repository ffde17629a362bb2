"""What is said of a sample, as a vector."""

import torch

from genai.networks.condition import Captions, Classes


def bytes_of(*texts, length=16):
    return torch.tensor([list(text.encode().ljust(length, b"\0")) for text in texts])


@torch.no_grad()
def test_a_caption_does_not_depend_on_its_neighbours_or_on_what_is_behind_it():
    """Its bytes alone say its vector; other words, or the same in another order, say another."""
    net = Captions(16, 32).eval()
    a, b, c = net(bytes_of("a red cat", "a cat red", "nothing"))
    torch.testing.assert_close(net(bytes_of("nothing", "a red cat"))[1], a)
    assert not torch.allclose(a, b)
    assert not torch.allclose(a, c)


@torch.no_grad()
def test_nothing_can_be_said():
    """Class -1 and the empty caption are what guidance is away from; both are finite, and not one of the others."""
    captions, classes = Captions(16, 32), Classes(3, 32)
    c, said = torch.tensor([0, 2]), bytes_of("cat", "dog")
    for net, given in ((classes, c), (captions, said)):
        none = net(net.hidden(given))
        assert none.isfinite().all()
        assert torch.equal(none[0], none[1])
        assert not torch.allclose(none, net(given))
        assert torch.equal(net(net.hidden(given, torch.tensor([True, False])))[0], none[0])
