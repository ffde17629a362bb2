"""Counter-based random streams, free of torch: a stream is a pure function of its arguments.

Philox 4x64 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
"""

from __future__ import annotations

import numpy as np

# What a stream is for; streams of different purpose never meet.
SAMPLE, STEP, EVALUATE, INITIALISE, SHUFFLE = range(5)


def stream(seed: int, purpose: int, *counter: int) -> np.random.Generator:
    """A generator that depends on its arguments only; up to three numbers say where in the space it stands."""
    words = [0, *counter, *([0] * (3 - len(counter)))]  # word 0 is the one that Philox counts up itself
    return np.random.Generator(np.random.Philox(key=[seed, purpose], counter=words))
