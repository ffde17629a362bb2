"""A registry is a folder: a module's name is the name in the spec.

`names(package)` lists the modules of a package; `find(package, name, base)` imports one by its name and
returns the one concrete subclass of `base` that it defines. A name with a colon,
`their_package.module:Class`, is the user's own. Nothing registers itself, so adding a file adds a kind.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import sys
from dataclasses import asdict, fields
from difflib import get_close_matches
from types import ModuleType
from typing import Any, TypeVar

from genai.errors import InputError
from genai.fields import bare, checked, formed, hints_of

T = TypeVar("T")


def names(package: ModuleType | str) -> list[str]:
    """The kinds that a package offers, sorted; modules that start with `_` are not kinds. A package that is named by
    its dotted path is not imported.
    """
    spec = importlib.util.find_spec(package) if isinstance(package, str) else package.__spec__
    folders = spec.submodule_search_locations if spec else None
    assert folders is not None, f"{package} is no package"
    return sorted(m.name for m in pkgutil.iter_modules(folders) if not m.name.startswith("_"))


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
        raise InputError(f"found {name[:100]!r}; {hint}allowed: {', '.join(known)}, or your_package.module:Class")
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


def describe(package: ModuleType, instance: Any) -> dict[str, Any]:
    """A dataclass's instance of some kind as JSON-able values: `kind`, and its fields. A field that is itself of such a
    kind is told in the same way.
    """
    bases = tuple(base for base in type(instance).__mro__ if inspect.isabstract(base))
    own = {field.name: getattr(instance, field.name) for field in fields(instance)}
    inner = {name: describe(package, value) for name, value in own.items() if isinstance(value, bases)}
    return {"kind": name_of(package, type(instance)), **asdict(instance), **inner}


def rebuild(package: ModuleType, found: dict[str, Any], base: type[T], *, bounded: bool = True) -> T:
    """The instance that `describe` told, from its JSON. Raises KeyError, TypeError, ValueError or InputError where it
    was not. Nothing that was stored names code to import: a user's own kind is one that this process knows already,
    since the job file that asks for it was read before.
    """
    name = str(found["kind"])
    module = name.partition(":")[0]
    if ":" in name and module not in sys.modules:
        raise InputError(f"found {name[:100]!r}, which nothing here has imported; import {module[:100]!r} first")
    kind = find(package, name, base)
    hints: dict[str, Any] = hints_of(kind)  # type: ignore[arg-type]  # a class is hashable
    made: dict[str, Any] = {}
    for field, value in found.items():
        if isinstance(value, dict) and _is_kind(hint := bare(hints.get(field))):
            made[field] = rebuild(package, value, hint, bounded=bounded)
        elif field != "kind":
            made[field] = formed(value, hints.get(field))
    return kind(**checked(kind, made, bounded=bounded))


def _is_kind(hint: Any) -> bool:
    """Whether a field holds an instance of some kind."""
    return inspect.isclass(hint) and inspect.isabstract(hint)


def _foreign(name: str, base: type[T]) -> type[T]:
    module_name, _, class_name = name.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except Exception as error:  # a user's module may raise anything
        raise InputError(f"{name!r} cannot be imported: {error}; allowed: your_package.module:Class") from error
    if not (inspect.isclass(found) and issubclass(found, base)):
        raise InputError(f"{name!r} is not a {base.__name__}; allowed: a subclass of {base.__module__}.{base.__name__}")
    return found
