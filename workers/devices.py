"""Which device a worker computes on."""

from __future__ import annotations

from genai.errors import InputError


def device_of(gpu: float, given: str = "") -> str:
    """`cuda` where the spec asks for a GPU, else `cpu`. `given` names what Ray gave this worker.

    Raises InputError where a GPU was asked for and torch finds none.
    """
    if not gpu:
        return "cpu"
    import torch

    if not torch.cuda.is_available():
        had = f"Ray gave this worker {given}, but " if given else ""
        raise InputError(
            f"{had}torch {torch.__version__} finds no CUDA device here; allowed: workers on machines with a GPU and a "
            "CUDA build of torch, or gpu: 0"
        )
    return "cuda"
