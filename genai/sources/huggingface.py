"""What Hugging Face datasets saves to disk: a folder of Arrow streams with `state.json` and `dataset_info.json`.

A fragment is a record batch. Only the files that `state.json` names are read, by pyarrow, without that library; class
names are those of the ClassLabel in `dataset_info.json`. Of a `DatasetDict` the path names one split (`pets/train`),
unless there is one only. Folders of Parquet, as the Hub has them, are Parquet.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from typing import Any, BinaryIO, ClassVar

import pyarrow as pa

from genai.errors import DataError
from genai.sources import Entry, Fragment, Row, Source
from genai.sources._arrow_stream import batches, fetch, schema_of
from genai.sources._bounded import bounded
from genai.sources._columns import chosen, class_names, said
from genai.sources._openers import side_by_side

STATE, INFO, DICT = "state.json", "dataset_info.json", "dataset_dict.json"
JSON_BYTES = 1 << 24


class HuggingfaceSource(Source):
    """Rows of a dataset that was saved to disk."""

    suffixes: ClassVar[tuple[str, ...]] = (".arrow",)

    def fingerprint(self) -> list[tuple[str, int, str]]:
        return [(entry.key, entry.size, entry.version) for entry in self.entries()]

    def entries(self) -> list[Entry]:
        folder, listed = self._folder()
        state = self._json(folder + STATE)
        names = [f"{folder}{name}" for name in self._names_in(folder, state)]
        for name in [*names, folder + INFO]:
            if name not in listed:
                raise DataError(f"{self._place(name)}: there is no such file, which {STATE} goes with; {_ALLOWED}")
        return [listed[name] for name in (folder + STATE, folder + INFO, *names)]

    def fragments(self) -> list[Fragment]:
        keys = [entry.key for entry in self.entries()[2:]]
        return [fragment for found in side_by_side(self._batches, keys) for fragment in found]

    def read(self, fragment: Fragment) -> Iterator[Row]:
        names = self.names()
        with self._opened(fragment.key) as file:
            value, label = chosen(fragment.key, schema_of(file), self.label, self.modality)
            batch = fetch(file, fragment.part, [*value, *([label] if label else [])])
            labels = batch.column(label) if label else None
            rows = said(batch.select(value), labels, names, self.modality)
            for row, (one, found, error) in enumerate(rows, fragment.first):
                yield Row(one, found, f"{fragment.key} row {row}", error)

    def names(self) -> list[str] | None:
        return class_names(self._features, self.label) if self.label else None

    @cached_property
    def _features(self) -> Any:
        return self._json(self._folder()[0] + INFO).get("features")

    def _folder(self) -> tuple[str, dict[str, Entry]]:
        """The folder of the dataset below the root, and all files that there are."""
        if self.pattern:
            raise DataError(f"{self._place(self.pattern)}: found a file, or a glob, of Arrow; {_ALLOWED}")
        listed = {entry.key: entry for entry in self.files.list()}
        if STATE in listed:
            return "", listed
        splits = sorted(key.split("/")[0] for key in listed if key.count("/") == 1 and key.endswith(f"/{STATE}"))
        if DICT in listed and len(splits) == 1:
            return f"{splits[0]}/", listed
        if splits:
            several = ", ".join(f"{self.files.uri.rstrip('/')}/{split}" for split in splits[:20])
            raise DataError(f"{self.files.uri}: found several splits; allowed: one of {several}")
        raise DataError(f"{self.files.uri}: found Arrow files without a {STATE}; {_ALLOWED}")

    def _names_in(self, folder: str, state: dict[str, Any]) -> list[str]:
        """The files that the state names, in order."""
        try:
            names = [str(file["filename"]) for file in state["_data_files"]]
        except (KeyError, TypeError):
            names = []
        if not names or len(set(names)) < len(names) or any("/" in name or name in (STATE, INFO) for name in names):
            raise DataError(f"{self._place(folder + STATE)}: it does not name the files beside it; {_ALLOWED}")
        if state.get("_indices_data_files"):
            raise DataError(f"{self._place(folder + STATE)}: its rows are picked by a file of indices; {_ALLOWED}")
        return names

    def _json(self, key: str) -> dict[str, Any]:
        with _door(self._place(key)):
            found = json.loads(bounded(self.files, key, JSON_BYTES))
            if isinstance(found, dict):
                return found
            raise ValueError("it holds no JSON object")

    def _batches(self, key: str) -> list[Fragment]:
        with self._opened(key) as file:
            chosen(key, schema_of(file), self.label, self.modality)
            return [Fragment(key, batch.at, batch.rows, first=batch.first) for batch in batches(file)]

    @contextmanager
    def _opened(self, key: str) -> Iterator[BinaryIO]:
        with closing(self.files.open(key)) as file, _door(self._place(key)):
            yield file

    def _place(self, key: str) -> str:
        return f"{self.files.uri.rstrip('/')}/{key}"


@contextmanager
def _door(place: str) -> Iterator[None]:
    """Where Arrow's errors, and those of what a file claims, become ours."""
    try:
        yield
    except _FOREIGN as error:
        found = str(error).split("\n")[0][:500]
        raise DataError(f"{place}: not readable: {found}; {_ALLOWED}") from error


_ALLOWED = "allowed: the folder that save_to_disk of Hugging Face datasets wrote, or of its splits one"
_FOREIGN = (
    pa.ArrowException, OSError, EOFError, ValueError, KeyError, IndexError, TypeError, OverflowError, AttributeError,
    RecursionError, struct.error,
)  # fmt: skip
