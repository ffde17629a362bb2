"""Forms: what the fields of a frozen dataclass look like in a job file.

The science's dataclasses (families, modalities, samplers, the recipe) say their fields once, as
`name: Annotated[int, Ge(1), doc("one line")] = 1` (annotated_types); `form_of` makes the pydantic model that checks
a mapping against them. So the science needs no pydantic, and no field is written twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, fields
from functools import cache
from types import UnionType
from typing import Annotated, Any, Self, TypeVar, Union, get_args, get_origin, get_type_hints

from annotated_types import DocInfo
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PydanticUserError,
    Strict,
    ValidationError,
    ValidationInfo,
    create_model,
    model_validator,
)
from pydantic.functional_validators import ModelWrapValidatorHandler
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError
from pydantic_core.core_schema import ErrorType

from genai.errors import InputError
from jobs.document import printable

T = TypeVar("T")

Text = Annotated[str, Field(min_length=1)]
Names = Annotated[list[Text], Field(min_length=1)]
#: one name stands for a list of it
Listed = Annotated[
    Names,
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value, json_schema_input_type=Text | Names),
]

#: how a field says an instance of some kind, by its abstract class; `jobs.plugin` fills it in
KINDS: dict[type, Any] = {}

_PYDANTIC_TYPES = frozenset(get_args(ErrorType))


class Part(BaseModel):
    """A mapping of a job file: immutable, without other keys, its values of the very type (`"7"` is no number)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)

    @model_validator(mode="wrap")
    @classmethod
    def _with_known_keys(cls, value: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        try:
            return handler({} if value is None else value)  # `train:` with all below it commented out
        except ValidationError as error:
            known = [*(info.context or ()), *cls.model_fields]
            raise ValidationError.from_exception_data(
                error.title, [_explained(e, known) for e in error.errors()]
            ) from None


def rule(text: str, *touches: str) -> PydanticCustomError:
    """A broken rule over several fields. `touches` are dotted paths in the document: where one of them has a fault
    of its own, the rule's is not told. The first says where the fault stands.
    """
    return PydanticCustomError("rule", "{text}", {"text": text, "touches": touches})


def _explained(error: ErrorDetails, known: Sequence[str]) -> InitErrorDetails:
    """`error` with the known keys where it is about an unknown one, for the sentence to name them."""
    kind: str | PydanticCustomError = error["type"]
    context = error.get("ctx", {})
    if kind == "extra_forbidden" and len(error["loc"]) == 1:
        kind = PydanticCustomError("unknown_key", "unknown key", {"known": list(known)})
    elif kind not in _PYDANTIC_TYPES:
        kind = PydanticCustomError(kind, "{text}" if "text" in context else kind, context)  # type: ignore[arg-type]
    return InitErrorDetails(type=kind, loc=error["loc"], input=error["input"], ctx=context)


def build(kind: type[T], values: Any, beside: Sequence[str] = ()) -> T:
    """An instance of a dataclass from a mapping of the job file, where the keys `beside` stand, too.

    Raises pydantic's ValidationError with all faults.
    """
    try:
        form_of(kind).model_rebuild()
    except (PydanticUserError, NameError) as error:
        text = f"{kind.__qualname__} has a field that no job file can say: {printable(str(error))}"
        raise rule(f"{text}; allowed: fields of plain types") from error
    form = form_of(kind).model_validate(values, context=beside)
    try:
        return kind(**{name: getattr(form, name) for name in type(form).model_fields})
    except (InputError, ValueError, TypeError) as error:  # the dataclass's own check of its fields together
        raise rule(str(error)) from error


def values_of(instance: Any) -> dict[str, Any]:
    """The fields of a dataclass's instance as plain values."""
    form = form_of(type(instance))
    return form.model_construct(**{name: getattr(instance, name) for name in form.model_fields}).model_dump(mode="json")


def form_of(kind: type) -> type[Part]:
    """The pydantic model of a dataclass's fields."""
    return _form_of(kind)


@cache
def _form_of(kind: Any) -> type[Part]:
    hints = get_type_hints(kind, include_extras=True)
    shown: dict[str, Any] = {}
    for field in fields(kind):
        if "settled" in field.metadata:
            continue
        factory = None if field.default_factory is MISSING else field.default_factory
        default = ... if field.default is MISSING else field.default
        default_of: dict[str, Any] = {"default_factory": factory} if factory else {"default": default}
        told = next((mark.documentation for mark in _marks(hints[field.name]) if isinstance(mark, DocInfo)), None)
        shown[field.name] = (_as_written(hints[field.name]), Field(**default_of, description=told))
    return create_model(kind.__name__, __base__=Part, __doc__=kind.__doc__, **shown)


def _marks(hint: Any) -> list[Any]:
    """What `Annotated` adds to a hint, also to a branch of a union."""
    own = list(hint.__metadata__) if get_origin(hint) is Annotated else []
    inner = (hint.__origin__,) if own else get_args(hint) if get_origin(hint) in (Union, UnionType) else ()
    return own + [mark for one in inner for mark in _marks(one)]


def _as_written(hint: Any) -> Any:
    """`hint` as YAML can say it: a tuple is written as a list, an instance of some kind as its name and fields."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint in KINDS:
        return KINDS[hint]
    if origin is Annotated:
        return Annotated[_as_written(inner[0]), *hint.__metadata__]
    if origin in (Union, UnionType):
        return Union[tuple(_as_written(one) for one in inner)]  # noqa: UP007  # made from a tuple
    return Annotated[hint, Strict(strict=False)] if origin is tuple else hint
