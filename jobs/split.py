"""Shares of rows, or of samples, that are for training, for validation and for the test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from jobs.form import Part, rule

Share = Annotated[float, Field(ge=0, le=1)]


class Split(Part):
    """Which share of the rows is for what; a row's side follows from its content alone."""

    place: ClassVar[str] = "data.split"

    train: Share = Field(0.8, gt=0, description="Share of rows to train on; left out: what the other two leave.")
    validation: Share = Field(0.1, description="Share of rows that pick the best weights.")
    test: Share = Field(0.1, description="Share of rows for the final measures; 0 with data.test_source.")

    @model_validator(mode="before")
    @classmethod
    def _rest(cls, value: Any) -> Any:
        if not isinstance(value, Mapping) or "train" in value:
            return value
        others = [value.get(name, cls.model_fields[name].default) for name in ("validation", "test")]
        numbers = all(isinstance(o, int | float) and not isinstance(o, bool) for o in others)
        return {**value, "train": max(0.0, round(1 - sum(others), 12)) if numbers else 1.0}

    @model_validator(mode="after")
    def _sum(self) -> Self:
        if abs((total := self.train + self.validation + self.test) - 1) > 1e-9:
            parts = f"train {self.train:g} + validation {self.validation:g} + test {self.test:g}"
            touches = (self.place, *(f"{self.place}.{name}" for name in type(self).model_fields))
            raise rule(f"found shares that sum to {total:.10g} ({parts}); allowed: a sum of 1", *touches)
        return self


class Splits(Split):
    """Which share of the samples is published as what; a sample's side follows from its index alone."""

    place: ClassVar[str] = "splits"

    train: Share = Field(0.8, gt=0, description="Share of samples in train; left out: what the other two leave.")
    validation: Share = Field(0.1, description="Share of samples in validation.")
    test: Share = Field(0.1, description="Share of samples in test.")
