"""Plug-ins in a job file: `{family: flow, …fields of the family}`, a bare name, or `package.module:Class`.

Found by `genai.registry`, checked by `jobs.form`, kept in the spec as the instance that they make.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass
from inspect import isabstract
from types import ModuleType
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BeforeValidator, InstanceOf, PlainSerializer, ValidationError, WithJsonSchema
from pydantic_core import InitErrorDetails

from genai.errors import InputError
from genai.registry import find, name_of, names
from jobs.document import shown
from jobs.form import KINDS, build, rule, values_of

T = TypeVar("T")


@dataclass(frozen=True)
class Plugin(Generic[T]):
    """One place of the spec where a kind is chosen by name: `key` names it, its fields stand beside."""

    key: str
    package: ModuleType
    base: type[T]
    default: str

    def __post_init__(self) -> None:
        shown = WithJsonSchema({"type": ["string", "object"], "description": f"A {self.key}, with its fields."})
        one: Any = InstanceOf[self.base]  # type: ignore[misc, name-defined]  # known when it runs
        KINDS[self.base] = Annotated[one, BeforeValidator(self.read), PlainSerializer(self.write), shown]

    def kind(self, value: Any) -> type[T]:
        """The class that `value` (a name, a mapping, nothing) chooses. Raises pydantic's ValidationError."""
        name = value.get(self.key, self.default) if isinstance(value, Mapping) else value or self.default
        if isinstance(name, self.base):
            return type(name)
        try:
            return _usable(find(self.package, _text(name), self.base))
        except InputError as error:
            where = (self.key,) if isinstance(value, Mapping) and self.key in value else ()
            raise ValidationError.from_exception_data(
                self.key, [InitErrorDetails(type=rule(str(error)), loc=where, input=name)]
            ) from None

    def kinds(self) -> dict[str, type[T]]:
        """All that are ours, by name."""
        return {name: find(self.package, name, self.base) for name in names(self.package)}

    def read(self, value: Any) -> T:
        """The instance that `value` describes. Raises pydantic's ValidationError with all faults."""
        if isinstance(value, self.base):
            return value
        kind = self.kind(value)
        fields = {k: v for k, v in value.items() if k != self.key} if isinstance(value, Mapping) else {}
        return build(kind, fields, beside=[self.key])

    def write(self, instance: T) -> dict[str, Any]:
        """What `read` makes the same instance from."""
        return {self.key: name_of(self.package, type(instance)), **values_of(instance)}


def _text(name: Any) -> str:
    if not isinstance(name, str) or not re.fullmatch(r"\w*|\w+(\.\w+)*:\w+", name):
        raise InputError(f"found {shown(name)}; allowed: a name, package.module:Class, or a mapping")
    return name


def _usable(kind: type[T]) -> type[T]:
    if not is_dataclass(kind) or isabstract(kind):
        found = "has methods left to write" if isabstract(kind) else "is no dataclass"
        raise InputError(f"{kind.__module__}:{kind.__qualname__} {found}; allowed: a complete, frozen dataclass")
    return kind
