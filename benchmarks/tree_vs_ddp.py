"""What the fixed order of summing costs against plain DistributedDataParallel, as a ratio of step times in one run.

    python benchmarks/tree_vs_ddp.py [--steps 60] [--rounds 5]

Two processes of one thread each, gloo, batches of 128 random 28x28 digits. The networks: the dense VAE of 256 units and
latent 50, a dense one of 1.1 million parameters, and the default flow. `tree` is the default of `train.reduction`, with
2 and with 4 micro-batches (more of them let more workers share a batch); `ddp` is torch's. Rounds alternate, and each
figure is the median over them, so that whatever else the machine does strikes all alike.
"""

import argparse
import os
import statistics
import time

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn.parallel import DistributedDataParallel

from genai.families.flow import Flow
from genai.families.vae import Vae
from genai.modalities.image import Image
from genai.order import Rows
from genai.recipe import Recipe
from genai.train import Training
from workers.member import Group

WORKERS, BATCH, ROWS = 2, 128, 4096
FAMILIES = {
    "vae, dense 256": Vae(backbone="dense", latent=50, width=256),
    "vae, dense 1.1 M": Vae(backbone="dense", latent=50, width=600),
    "flow": Flow(),
}
WAYS = {
    "ddp": Recipe(steps=10**6, batch=BATCH, micro_batches=WORKERS, reduction="ddp"),
    "tree, 2 pieces": Recipe(steps=10**6, batch=BATCH, micro_batches=2),
    "tree, 4 pieces": Recipe(steps=10**6, batch=BATCH, micro_batches=4),
}


def trainings(family):
    """A training of each way, of the same data."""
    random = np.random.default_rng(0)
    arrays, labels = random.integers(0, 256, (ROWS, 1, 28, 28), np.uint8), random.integers(0, 10, ROWS)
    modality = Image(size=(28, 28), mode="L")
    for name, recipe in WAYS.items():
        rows = Rows(arrays.reshape(ROWS, *modality.array_shape), labels, BATCH, recipe.micro_batches, 0)
        yield (
            name,
            Training(family, modality, 10, rows, recipe, Group(), torch.device("cpu"), DistributedDataParallel),
        )


def seconds_a_step(training, steps):
    dist.barrier()
    began = time.perf_counter()
    for _ in range(steps):
        training.advance()
    dist.barrier()
    return (time.perf_counter() - began) / steps


def work(rank, steps, rounds, port):
    """One of the two processes; the first prints."""
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=WORKERS)
    for name, family in FAMILIES.items():
        made = dict(trainings(family))
        times = {way: [] for way in made}
        for training in made.values():
            seconds_a_step(training, 2)  # to warm up
        few = max(3, steps // 20) if isinstance(family, Flow) else steps  # its step takes fifty times as long
        for _ in range(rounds):
            for way, training in made.items():
                times[way].append(seconds_a_step(training, few))
        if rank == 0:
            size = sum(p.numel() for p in made["ddp"].objective.parameters())
            report(name, size, {way: statistics.median(found) for way, found in times.items()})
    dist.destroy_process_group()


def report(name, size, times):
    for way, seconds in times.items():
        ratio = seconds / times["ddp"]
        print(f"{name:18} {size / 1e6:6.2f} M  {way:15} {seconds * 1e3:8.1f} ms  {ratio:5.2f} of ddp", flush=True)


def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print(f"torch {torch.__version__}, {WORKERS} workers of 1 thread on {os.cpu_count()} cores, batch {BATCH}")
    mp.spawn(work, (given.steps, given.rounds, free_port()), nprocs=WORKERS)
