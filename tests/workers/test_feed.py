"""The feed that Ray Data streams: the same rows, with all CPUs taken, in bounded memory."""

from itertools import islice

import numpy as np
import pytest
import ray

from genai.order import Order
from jobs.crew import PrepareTask, TrainTask
from tests.jobs.scripted import job
from workers.feed import RayStream, feed
from workers.local import LocalCrew

pytestmark = pytest.mark.ray

MIB = 1 << 20


@pytest.fixture(scope="module")
def prepared(output):
    return LocalCrew().prepare(PrepareTask(job(output=output), "0" * 16), print)


@pytest.mark.parametrize(("micro", "start_step"), [(0, 0), (1, 137)])
def test_streamed_rows_are_those_in_memory(micro, start_step, prepared, output):
    """From any step on, over more than one turn of the data."""
    task = TrainTask(job(output=output), "1" * 16, "0" * 16)
    held, streamed = feed(task, prepared), feed(task, prepared, memory_bytes=0)
    assert isinstance(streamed, RayStream)
    turns = 2 * held.rows // task.spec.train.recipe.batch
    pairs = zip(held.batches(micro, start_step), streamed.batches(micro, start_step), strict=True)
    for (arrays, labels), (arrays_streamed, labels_streamed) in islice(pairs, turns):
        assert np.array_equal(arrays, arrays_streamed)
        assert np.array_equal(labels, labels_streamed)


def test_memory_stays_flat_however_much_is_streamed(cluster):
    """A worker that holds every CPU reads 192 MiB; its own memory grows by no more than a window or two.

    (Rows that wait are in Ray's object store, whose size is fixed.)
    """

    def consume():
        from pathlib import Path

        def load(ranges):
            rows = sum(map(len, ranges))
            return np.full((rows, 1024), ranges[0].start % 251, np.uint8), np.arange(rows)

        def own_memory():
            status = Path("/proc/self/status").read_text()
            return int(status.partition("RssAnon:")[2].split()[0]) << 10

        def most(batches, rows):
            return max(own_memory() for _ in range(rows // batch) if len(next(batches)[1]))

        batch = 4096
        batches = RayStream(Order(1 << 21, batch, 1, 0, 1024), load).batches(0)
        early = most(batches, 32 * MIB >> 10)
        return most(batches, 192 * MIB >> 10) - early

    cpus = int(cluster.cluster_resources()["CPU"])
    assert ray.get(ray.remote(num_cpus=cpus)(consume).remote()) < 64 * MIB
