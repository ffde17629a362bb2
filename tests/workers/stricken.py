"""A family whose training strikes itself: the worker for which the test has left a signal sends it to its own process
some steps after its start.

So it is struck between the same two steps on a machine of any speed, however short the training is.
"""

import os
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import torch
import torch.distributed as dist

from genai.families.vae import Vae

_COUNT = count(1)


@dataclass(frozen=True)
class Stricken(Vae):
    """A file `<rank>.<signal>` in the folder `signals` strikes worker `rank` at its loss number `at`, once."""

    backbone: str = "dense"
    latent: int = 4
    width: int | None = 16
    signals: str = ""
    at: int = 50

    def loss(self, net, x, c, noise):
        if torch.is_grad_enabled() and next(_COUNT) == self.at:
            rank = dist.get_rank() if dist.is_initialized() else 0
            for due in Path(self.signals).glob(f"{rank}.*"):
                due.unlink()
                os.kill(os.getpid(), int(due.suffix[1:]))
        return super().loss(net, x, c, noise)
