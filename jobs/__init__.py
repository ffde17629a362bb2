"""Jobs: the spec, the plan, the ledger, the driver, the command line. Imports neither torch nor Ray.

from jobs import JobSpec, plan, run, submit      # the commands as functions (`jobs.api`)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobs.api import plan, run, status, submit
    from jobs.spec import JobSpec, load

__all__ = ["JobSpec", "load", "plan", "run", "status", "submit"]


def __getattr__(name: str) -> Any:
    """Imported when they are asked for, so that `import jobs` costs nothing."""
    from importlib import import_module

    if name not in __all__:
        raise AttributeError(f"module 'jobs' has no attribute {name!r}")
    return getattr(import_module("jobs.spec" if name in ("JobSpec", "load") else "jobs.api"), name)
