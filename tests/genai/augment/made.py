"""What the tests of augmenting share: a sealed dataset and real rows whose pixels say which row they are.

An image is four bytes of a number, as 2x2 gray pixels.
"""

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from genai import png
from genai.augment.files import Folder
from genai.formats import About, Samples, content_digest
from genai.formats.parquet import Parquet
from genai.identity import sha256
from genai.modalities.image import Image
from jobs import layout, ledger
from jobs.ledger import Manifest, Receipt
from jobs.shards import Plan
from jobs.stores import open_store

CLASSES = ("cat", "cow", "dog")
IMAGE = Image((2, 2), "L")
REAL = 1 << 24  # real rows are numbered from here
KEY = "0a1b2c3d4e5f6071"


def pictures(numbers):
    return np.asarray(numbers, "<u4").reshape(-1, 1).view(np.uint8).reshape(-1, 2, 2, 1)


def number(value):
    """Which row a sample is, from its tensor or its array."""
    array = (value * 255).round().to(torch.uint8).numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
    return int(np.ascontiguousarray(array).reshape(4).view("<u4")[0])


def sealed(root, count, part_rows=100, weights=(1, 1, 1), how=None):
    """A published dataset of `count` samples; its folder or URI."""
    store, plan = open_store(str(root)), Plan(count, part_rows, weights)
    parts = tuple(_part(store, plan, shard, how or Parquet()) for shard in plan)
    classes = CLASSES if weights else ()
    ledger.seal(store, Manifest(KEY, "animals", plan, classes, sha256(b"model"), 7, parts, {"genai": "0"}))
    return f"{root}/datasets/{KEY}"


def _part(store, plan, shard, how):
    indices = np.arange(shard.start, shard.stop)
    labels = np.array(plan.labels(shard.start, shard.stop)) if plan.weights else None
    samples = Samples(indices, labels, pictures(indices))
    about = About(IMAGE, sha256(b"model"), 7, KEY, "tests", CLASSES if plan.weights else ())
    data = how.encode(samples, about)
    counts = () if labels is None else tuple(np.bincount(labels, minlength=3).tolist())
    receipt = Receipt(shard.name, shard.start, shard.stop, len(data), sha256(data), content_digest(samples), counts, {})
    store.put(layout.part(KEY, shard.name), data)
    store.put(layout.receipt(KEY, shard.name), receipt.to_json())
    return receipt


def real_rows(path, labels, group=50):
    """A Parquet file of real rows with these labels; its path."""
    cells = png.encode(pictures(np.arange(REAL, REAL + len(labels))))
    pq.write_table(pa.table({"image": cells, "label": list(labels)}), path, row_group_size=group)
    return str(path)


class Noted(Folder):
    """A folder that notes which files are opened."""

    def __init__(self, uri):
        super().__init__(uri)
        self.opened = []

    def open(self, key):
        self.opened.append(key)
        return super().open(key)


def read(loader):
    """(number, label, synthetic) of each sample that a loader of batches gives."""
    return [
        (number(value), int(label), bool(flag))
        for values, labels, flags in loader
        for value, label, flag in zip(values, labels, flags, strict=True)
    ]


def plain(rows):
    """The same of the dataset itself."""
    return [(number(value), label, flag) for value, label, flag in rows]


def of_classes(samples, *, synthetic):
    """How many there are of each class on one side."""
    return Counter(CLASSES[label] for _, label, flag in samples if flag is synthetic)
