"""What a job draws under, `generate.prompts`: texts of its own, or a column of a dataset; and what it draws from,
`generate.source`: rows that there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Discriminator, Field, Tag

from genai.errors import InputError
from genai.template import Template
from jobs.form import Listed, Names, Part, Text, rule

MOST_PROMPTS = 10_000  # that a job file holds itself


def _template(text: str) -> str:
    try:
        return Template(text).text
    except InputError as error:
        raise rule(str(error)) from error


class Prompts(Part):
    """Texts to draw under, from the rows of a dataset."""

    source: Text = Field(description="Where the rows are: Parquet, CSV, JSON lines, a table; local or s3://.")
    text: Annotated[Text, AfterValidator(_template)] = Field(
        "prompt", description="Their column, or a template over columns: 'a {colour} {animal}'."
    )


Asked = Annotated[
    Annotated[Prompts, Tag("Prompts")] | Annotated[Names, Field(max_length=MOST_PROMPTS), Tag("Names")],
    Discriminator(lambda value: "Prompts" if isinstance(value, Mapping | Prompts) else "Names"),
]


class Originals(Part):
    """Rows to draw from."""

    rows: Listed = Field(description="Where they are, as data.source says it: also the parts of another job's dataset.")
    label: Text | None = Field("label", description="Column of their class; null: a checkpoint without classes.")
    mask: Text | None = Field(
        None,
        description="A picture of the samples' size, for mode inpaint with mask: given; what is white is made anew.",
    )
