"""What EC2 instances have, as far as it follows from their names: CPUs by the size, GPUs by a table of families.

Ray asks AWS for this when it runs; offline a name has to do. `resources` of a node type overrides both.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_CPUS = {"medium": 1, "large": 2, "xlarge": 4}
_ONE = dict.fromkeys(("xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge"), 1)
_G5 = {**_ONE, "12xlarge": 4, "24xlarge": 4, "48xlarge": 8}
GPUS = {
    "g4dn": {**_ONE, "12xlarge": 4, "metal": 8},
    "g5": _G5,
    "g6": _G5,
    "g6e": _G5,
    "p3": {"2xlarge": 1, "8xlarge": 4, "16xlarge": 8},
    "p3dn": {"24xlarge": 8},
    "p4d": {"24xlarge": 8},
    "p4de": {"24xlarge": 8},
    "p5": {"4xlarge": 1, "48xlarge": 8},
    "p5e": {"48xlarge": 8},
    "p5en": {"16xlarge": 8, "48xlarge": 8},
}


class Instance(NamedTuple):
    """CPUs and GPUs; None where the name does not tell."""

    cpu: int | None
    gpu: int | None


def has(name: str) -> Instance:
    """What an instance of that type has."""
    family, _, size = name.partition(".")
    many = re.fullmatch(r"(\d+)xlarge", size)
    cpu = 4 * int(many[1]) if many else _CPUS.get(size)
    unknown = cpu is None or family[:1] in ("g", "p")
    return Instance(cpu, GPUS.get(family, {}).get(size, None if unknown else 0))
