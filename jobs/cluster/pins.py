"""Ray and Python of images and commands: a driver and its cluster have to have the same."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jobs.cluster import Cluster, Found, Versions, commands, mapping
from jobs.document import Path, printable

_IMAGE = re.compile(r"(?:[\w.-]+/)*rayproject/(?:ray|ray-ml|ray-llm)(?::(?P<tag>[\w.-]+))?(?:@sha256:[0-9a-f]+)?$")
_TAG = re.compile(r"(?P<ray>\d+\.\d+\.\d+)(?:\.[0-9a-f]+)?-py(?P<python>\d\d+)(?:-[\w-]+)?$")
_PIP = re.compile(r"\bpip3?\s+install\b(?P<rest>[^;&|]*)")
_RAY = re.compile(
    r"(?<![\w./@:-])ray(?:\[[\w,\s-]*\])?(?:\s*(?P<how>===?|~=|>=|<=|!=|<|>)\s*(?P<which>[\w.*]+))?(?![\w./-])"
)
_WHEEL = re.compile(r"\bray-(?P<ray>\d[\w.]*?)-cp(?P<python>\d\d+)-")
_PYTHON = re.compile(r"\bpython(?:=+|@| )?(?P<python>3\.\d+)\b")
_COMMANDS = ("initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands")


def check(cluster: Cluster, ours: Versions) -> Iterator[Found]:
    """Pins of another Ray or Python, and Rays that are not pinned."""
    for path, image in _images(cluster):
        yield from _image(path, image, ours)
    for key in _COMMANDS:
        for path, line in commands(cluster, key):
            yield from _command(path, line, ours)
    for name, node in cluster.types.items():
        for key in ("initialization_commands", "worker_setup_commands"):
            lines = node.get(key) if isinstance(node.get(key), list) else []
            for at, line in enumerate(lines or []):
                if isinstance(line, str):
                    yield from _command(("available_node_types", name, key, at), line, ours)


def _images(cluster: Cluster) -> Iterator[tuple[Path, str]]:
    whole: list[tuple[Path, object]] = [(("docker",), cluster.given.get("docker"))]
    whole += [(("available_node_types", name, "docker"), node.get("docker")) for name, node in cluster.types.items()]
    for path, docker in whole:
        for key in ("image", "head_image", "worker_image"):
            if isinstance(image := mapping(docker).get(key), str):
                yield (*path, key), image


def _image(path: Path, image: str, ours: Versions) -> Iterator[Found]:
    if not (known := _IMAGE.fullmatch(image)):
        return  # somebody's own: its name says nothing of what is in it
    tag = _TAG.fullmatch(known["tag"] or "")
    if not tag or tag["ray"] != ours.ray or tag["python"] != ours.python.replace(".", ""):
        like = f"{ours.ray}-py{ours.python.replace('.', '')}"
        text = (
            f"found {printable(image)}; allowed: a tag that begins with {like}, the Ray and the Python of this machine"
        )
        yield Found(path, text)


def _command(path: Path, line: str, ours: Versions) -> Iterator[Found]:
    ray = f"allowed: ray=={ours.ray}, the Ray of this machine"
    for pip in _PIP.finditer(line):
        pinned = re.search(r"(?:^|\s)(?:-c|--constraint)\b", pip["rest"])
        for found in _RAY.finditer(pip["rest"]):
            exact = found["how"] in ("==", "===")
            if (exact and found["which"] != ours.ray) or not (exact or pinned or "@" in pip["rest"]):
                yield Found(path, f"found {printable(found[0].strip())}; {ray}")
    for wheel in _WHEEL.finditer(line):
        if wheel["ray"] != ours.ray or wheel["python"] != ours.python.replace(".", ""):
            yield Found(path, f"found {printable(wheel[0].rstrip('-'))}; {ray} and Python {ours.python}")
    for python in _PYTHON.finditer(line):
        if python["python"] != ours.python:
            yield Found(path, f"found Python {python['python']}; allowed: {ours.python}, the Python of this machine")
