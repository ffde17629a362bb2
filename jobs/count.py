"""How many samples a job asks for, `generate.count`: a number, or so many of each class, prompt or row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from jobs.form import Part


class PerPrompt(Part):
    """So many of each prompt."""

    per_prompt: int = Field(ge=1, lt=2**31, description="Samples of each prompt.")


class PerRow(Part):
    """So many of each row of the source."""

    per_row: int = Field(
        ge=1, lt=2**31, description="Samples of each row; where the mode changes classes, of each row and class."
    )


class PerClass(Part):
    """So many of each class."""

    per_class: int = Field(ge=1, lt=2**63, description="Samples of each class.")


class OfClasses(Part):
    """So many of each class that is named, and none of another."""

    classes: dict[str, Annotated[int, Field(ge=0, lt=2**63)]] = Field(
        min_length=1, description="Samples of each class, by its name."
    )


class Match(Part):
    """As many of each class as the training split has."""

    match: Literal["train"] = Field(description="The split whose numbers are matched.")


class Balance(Part):
    """Of each class what it lacks, in the training split, to the largest one."""

    balance: Literal[True] = Field(description="Fill each class up to the largest.")


def _form_of_count(value: Any) -> str | None:
    if isinstance(value, Part):
        return type(value).__name__
    if not isinstance(value, Mapping):
        return "Total"
    return next((kind.__name__ for kind in _COUNTS if set(kind.model_fields) & set(value)), None)


_COUNTS = (PerClass, OfClasses, PerPrompt, PerRow, Match, Balance)


Count = Annotated[
    Annotated[int, Field(ge=1, lt=2**63), Tag("Total")]
    | Annotated[PerClass, Tag("PerClass")]
    | Annotated[OfClasses, Tag("OfClasses")]
    | Annotated[PerPrompt, Tag("PerPrompt")]
    | Annotated[PerRow, Tag("PerRow")]
    | Annotated[Match, Tag("Match")]
    | Annotated[Balance, Tag("Balance")],
    Discriminator(_form_of_count, custom_error_type="count_form", custom_error_message="count"),
]
