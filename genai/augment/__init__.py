"""Augmenting: a published dataset mixed into the real one, where a classifier is trained.

    from genai.augment import Augmented

    rows = Augmented("s3://bucket/digits/datasets/<key>", real="train.parquet", ratio=0.5)
    for images, labels, synthetic in DataLoader(rows, batch_size=64, num_workers=2): ...

`Augmented` is a torch `IterableDataset`. `order` says in which order rows come and who gets which, `quotas` how many
are synthetic and of which classes, `published` and `drawn` where these are from, `reading` how real ones are read.
"""

from __future__ import annotations

from genai.augment.dataset import Augmented
from genai.augment.drawn import Drawn

__all__ = ["Augmented", "Drawn"]
