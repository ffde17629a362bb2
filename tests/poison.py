"""A family whose samples kill: some indices end the try that draws them, each in its own way, every time.

model: {family: "tests.poison:Poison", crashes: 55}
"""

import ctypes
import resource
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, doc

from genai.families.vae import Vae
from genai.philox import SAMPLE, stream

Index = Annotated[int, Ge(-1), doc("The sample; -1: none.")]


@dataclass(frozen=True)
class Poison(Vae):
    """A VAE with poisoned indices, of the sampling seed 0."""

    raises: Index = -1
    crashes: Index = -1  # a segfault
    devours: Index = -1  # memory, until there is none
    loops: Index = -1

    def sample(self, net, c, noise, sampler):
        seen = noise.normal(1).ravel().tolist()
        for name in ("raises", "crashes", "devours", "loops"):
            at = getattr(self, name)
            if at >= 0 and float(stream(0, SAMPLE, at, 0).standard_normal(1, dtype="f4")[0]) in seen:
                getattr(self, f"_{name}")()
        return super().sample(net, c, noise, sampler)

    def _raises(self):
        raise ZeroDivisionError("by this sample")

    def _crashes(self):
        ctypes.string_at(0)

    def _devours(self):
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()  # noqa: PTH123, SIM115
        before = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), before[1]))
        try:
            bytearray(1 << 30)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, before)

    def _loops(self):
        while True:
            pass
