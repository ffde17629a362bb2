"""Some of scikit-learn's digits as a Parquet file: a process that reads this does without scikit-learn, whose import
takes two seconds of it.
"""

import io
import tempfile
from functools import cache
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from genai.sources import open_source
from jobs.stores import open_store

ROWS = 600  # of 1,797: a run decodes them all
_HOME = tempfile.TemporaryDirectory(prefix="genai-digits-")  # gone when this process ends


@cache
def digits() -> str:
    """Its path; images and labels are the first of `sklearn://digits`, row for row."""
    source = open_source("sklearn://digits", "label", open_store)
    rows = list(islice((row for fragment in source.fragments() for row in source.read(fragment)), ROWS))
    table = pa.table({"image": [_png(row.value) for row in rows], "label": [row.label for row in rows]})
    path = Path(_HOME.name) / "digits.parquet"
    pq.write_table(table, path)
    return str(path)


def _png(pixels) -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()
