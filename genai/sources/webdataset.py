"""WebDataset: tars in which the files of a sample follow one another and share a name up to its first dot.

A sample has one file that is the row (`.png`, `.jpg`, …) and a label: what its `.json` has under `data.label`, else the
content of the member that is so called (`data.label: breed` -> `.breed`). The usual `data.label: label` stands for
`label` in `.json`, else `.cls`, else `.txt`. A number in `.cls` is a class's place among the names that the dataset
card beside the tars (`README.md`, Hugging Face front matter) gives to `cls`, if there is one; our own export writes it.

A fragment is a tar, uncompressed: a compressed one could only be counted by reading it whole.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from itertools import groupby, islice
from typing import Any, BinaryIO, ClassVar

import yaml

from genai.errors import DataError
from genai.sources import Fragment, Reading, Row, Source
from genai.sources._bounded import bounded
from genai.sources._columns import named
from genai.sources._openers import side_by_side
from genai.sources._tar import members

COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
LARGEST, TEXT_BYTES, CARD_BYTES = 1 << 29, 1 << 20, 1 << 18  # bytes of an image, of a label's member, of the card
FILES = 1000  # of a sample
LOOKED_AT = 20  # samples, for a label
CARD = "README.md"

_NAME = re.compile(r"((?:.*/)?[^/.]+)\.([^/]+)", re.DOTALL)
_WHOLE = re.compile(r"-?[0-9]{1,18}")

Sample = dict[str, tarfile.TarInfo]  # by what follows the first dot


class WebdatasetSource(Source):
    """Samples of tars."""

    suffixes: ClassVar[tuple[str, ...]] = (".tar", *COMPRESSED)

    @classmethod
    def endings(cls, modality: Reading) -> tuple[str, ...]:
        return cls.suffixes if modality.files else ()  # rows that are no files are in no tar

    def fingerprint(self) -> list[tuple[str, int, str]]:
        return [(entry.key, entry.size, entry.version) for entry in self.entries()]

    def fragments(self) -> list[Fragment]:
        keys = [entry.key for entry in self.entries()]
        if packed := next((key for key in keys if key.lower().endswith(COMPRESSED)), None):
            raise DataError(f"{packed}: found a compressed tar; allowed: plain .tar, whose samples can be counted")
        counts = side_by_side(self._count, keys)
        if self.label and keys:
            self._check_label(keys[0])
        return [Fragment(key, 0, count) for key, count in zip(keys, counts, strict=True) if count]

    def read(self, fragment: Fragment) -> Iterator[Row]:
        with self._opened(fragment.key) as file:
            for number, (key, sample) in enumerate(_samples(file)):
                where = f"{fragment.key} row {number} ({key[:200]})"
                try:
                    label = self._label_of(file, sample) if self.label else None
                    value = _bytes(file, self._member(sample), LARGEST)
                except _Unusable as error:
                    yield Row(b"", None, where, str(error))
                else:
                    yield Row(value, label, where)

    def names(self) -> list[str] | None:
        return self._names if self.label == "label" else None

    def _member(self, sample: Sample) -> tarfile.TarInfo:
        """The file that is the row."""
        known = self.modality.files
        found = [name for name in sample if f".{name}".endswith(known)] if known else []
        if len(found) != 1:
            listed = ", ".join(f".{name[:50]}" for name in islice(found or sample, 20))
            raise _Unusable(
                f"found {len(found) or 'no'} {self.modality.noun}s in {listed}; allowed: one of {', '.join(known)}"
            )
        return sample[found[0]]

    def _count(self, key: str) -> int:
        with self._opened(key) as file:
            return sum(1 for _ in _samples(file))

    def _check_label(self, key: str) -> None:
        """Whether any of the first samples has a label: else all would be bad rows."""
        with self._opened(key) as file:
            first = [sample for _, sample in islice(_samples(file), LOOKED_AT)]
            if first and not any(self._has_label(file, sample) for sample in first):
                found = ", ".join(f".{name[:50]}" for name in islice(first[0], 20))
                raise DataError(
                    f"{key}: found no label column {self.label!r}, the first sample has {found}; allowed for "
                    "data.label: label (.cls, .txt, or label in .json), a name in .json, or null"
                )

    def _has_label(self, file: BinaryIO, sample: Sample) -> bool:
        try:
            return bool(self._texts & set(sample) or self._in_json(file, sample))
        except _Unusable:  # which its row will say
            return True

    def _label_of(self, file: BinaryIO, sample: Sample) -> int | str | None:
        if said := self._in_json(file, sample):
            label, error = named(said[0], self._names if self.label == "label" else None)
        else:
            text = _text(file, sample, self.label or "", self._texts)
            whole = _WHOLE.fullmatch(text)
            label, error = named(int(text) if whole else text, self.names())
        if error:
            raise _Unusable(error)
        return label

    @property
    def _texts(self) -> set[str]:
        """The members that may hold a label: none that is the row."""
        able = {"cls", "txt"} if self.label == "label" else {(self.label or "").lower()}
        return {name for name in able if f".{name}" not in self.modality.files}

    def _in_json(self, file: BinaryIO, sample: Sample) -> list[Any]:
        """The label as a sample's `.json` says it, or nothing."""
        if "json" not in sample:
            return []
        try:
            found = json.loads(_bytes(file, sample["json"], TEXT_BYTES))
        except (ValueError, RecursionError):
            raise _Unusable("its .json cannot be read") from None
        if not isinstance(found, dict) or self.label not in found:
            return []
        label = found[self.label]
        if not isinstance(label, str | int | None) or (type(label) is int and abs(label) >= 1 << 63):
            raise _Unusable(f"its .json has {str(label)[:50]!r} as {self.label}; allowed: text or a whole number")
        return [label]

    @cached_property
    def _names(self) -> list[str] | None:
        """The class names that a card beside the first tar gives to `cls`."""
        key = self.entries()[0].key.rpartition("/")
        card = f"{key[0]}{key[1]}{CARD}"
        if not any(entry.key == card for entry in self.files.list(card)):
            return None
        try:
            return _names_of(bounded(self.files, card, CARD_BYTES))
        except ValueError:  # no card of ours has so many bytes
            return None

    @contextmanager
    def _opened(self, key: str) -> Iterator[BinaryIO]:
        """The door through which errors of tarfile, and those of what a file claims, become ours."""
        with closing(self.files.open(key)) as file:
            try:
                yield file
            except (tarfile.TarError, OSError, ValueError, IndexError, OverflowError, RecursionError) as error:
                found = str(error).split("\n")[0][:500]
                raise DataError(f"{key}: not a readable tar: {found}; allowed: a whole, uncompressed .tar") from error


class _Unusable(Exception):  # noqa: N818  # it is a sample's, not the program's
    """What is wrong with a sample."""


def _samples(file: BinaryIO) -> Iterator[tuple[str, Sample]]:
    """The samples of a tar, each with its members. What has no dot in its name is no sample's."""
    split = ((_NAME.fullmatch(member.name), member) for member in members(file))
    parts = ((match[1], match[2].lower(), member) for match, member in split if match)
    for key, group in groupby(parts, lambda part: part[0]):
        sample: Sample = {}
        for _, ending, member in group:
            if ending in sample or len(sample) == FILES:
                raise ValueError(f"the sample {key[:100]!r} has {ending[:50]!r} twice, or more than {FILES:,} files")
            sample[ending] = member
        yield key, sample


def _text(file: BinaryIO, sample: Sample, label: str, able: set[str]) -> str:
    ending = next((name for name in sorted(able) if name in sample), None)
    if ending is None:
        raise _Unusable(f"it has no label {label!r}")
    try:
        text = _bytes(file, sample[ending], TEXT_BYTES).decode().strip()
    except UnicodeDecodeError:
        raise _Unusable(f"its .{ending} is no text in UTF-8") from None
    if not text:
        raise _Unusable("the label is empty")
    return text


def _bytes(file: BinaryIO, member: tarfile.TarInfo, most: int) -> bytes:
    if member.size > most:
        raise _Unusable(f"{member.name[:100]!r} has {member.size:,} bytes; allowed: at most {most:,}")
    file.seek(member.offset_data)
    return file.read(member.size)


def _names_of(card: bytes) -> list[str] | None:
    """The names of the feature `cls` in the front matter of a dataset card."""
    front = re.match(rb"---\n(.*?)\n---", card, re.DOTALL)
    try:
        info = yaml.safe_load(front[1])["dataset_info"] if front else {}
        feature = next(feature for feature in info["features"] if feature["name"] == "cls")
        names = feature["dtype"]["class_label"]["names"]
        found = [names[str(number)] for number in range(len(names))]
        return found if found and all(isinstance(name, str) for name in found) else None
    except (yaml.YAMLError, KeyError, TypeError, ValueError, StopIteration, RecursionError):  # none, or no card of data
        return None
