"""Processes as Linux tells of them: a test kills only what it has started itself."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path


def descendants(pid: int) -> Iterator[tuple[int, str]]:
    """The number and the title of each process below `pid`, parents first."""
    found = dict(_processes())
    below = {pid}
    while below:
        below = {child for child, (parent, _) in found.items() if parent in below}
        yield from ((child, found[child][1]) for child in below)


def _processes() -> Iterator[tuple[int, tuple[int, str]]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            after_name = (folder / "stat").read_text().rpartition(")")[2].split()
            title = (folder / "cmdline").read_text().replace("\0", " ").strip()
        except OSError:  # it has ended meanwhile
            continue
        yield int(folder.name), (int(after_name[1]), title)


def named(title: str, pid: int | None = None) -> list[int]:
    """The processes below this one, or below `pid`, whose title holds `title`, the oldest first."""
    return sorted(child for child, found in descendants(pid or os.getpid()) if title in found)


def until(words: str, process: subprocess.Popen[str]) -> str:
    """Wait until a process says `words` on stderr, which is a pipe; all that it said there."""
    said = ""
    assert process.stderr
    while words not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    return said
