"""A registry is a folder: a module's name is the name in the spec.

`names(package)` lists the modules of a package; `find(package, name, base)` imports one by its name and
returns the one concrete subclass of `base` that it defines. A name with a colon,
`their_package.module:Class`, is the user's own. Nothing registers itself, so adding a file adds a kind.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from difflib import get_close_matches
from types import ModuleType
from typing import TypeVar

from genai.errors import InputError

T = TypeVar("T")


def names(package: ModuleType) -> list[str]:
    """The kinds that a package offers, sorted; modules that start with `_` are not kinds."""
    return sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_"))


def find(package: ModuleType, name: str, base: type[T]) -> type[T]:
    """The subclass of `base` that `name` stands for.

    Raises InputError where there is no such kind, naming those there are, and where a user's own
    `package.module:Class` cannot be imported or is no `base`.
    """
    if ":" in name:
        return _foreign(name, base)
    if name not in names(package):
        known = names(package)
        close = get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise InputError(f"found {name!r}; {hint}allowed: {', '.join(known)}, or your_package.module:Class")
    module = importlib.import_module(f"{package.__name__}.{name}")
    own = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, base)
        and value.__module__ == module.__name__
        and not inspect.isabstract(value)
        and not value.__name__.startswith("_")
    ]
    assert len(own) == 1, f"{module.__name__} must define exactly one public {base.__name__}, defines {own}"
    return own[0]


def name_of(package: ModuleType, kind: type) -> str:
    """The name under which `find` finds a class again."""
    inside = kind.__module__.removeprefix(f"{package.__name__}.")
    return inside if inside != kind.__module__ else f"{kind.__module__}:{kind.__qualname__}"


def _foreign(name: str, base: type[T]) -> type[T]:
    module_name, _, class_name = name.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except Exception as error:  # a user's module may raise anything
        raise InputError(f"{name!r} cannot be imported: {error}; allowed: your_package.module:Class") from error
    if not (inspect.isclass(found) and issubclass(found, base)):
        raise InputError(f"{name!r} is not a {base.__name__}; allowed: a subclass of {base.__module__}.{base.__name__}")
    return found
