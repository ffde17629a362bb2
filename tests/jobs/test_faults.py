"""Faults are sentences of ours for every error that the spec's fields can raise."""

from typing import Any, get_args

import pytest
from pydantic_core.core_schema import ErrorType

from genai.registry import find, names
from jobs.faults import ALLOWED
from jobs.form import form_of
from jobs.spec import FAMILY, MODALITY, JobSpec

#: the error types that a node of pydantic's core schema raises; a kind of node that is not here fails the test
RAISES = {
    "none": {"none_required"},
    "int": {"int_type"},
    "float": {"float_type", "finite_number"},
    "bool": {"bool_type"},
    "str": {"string_type"},
    "list": {"list_type"},
    "dict": {"dict_type"},
    "tuple": {"tuple_type", "missing", "too_long"},
    "literal": {"literal_error"},
    "model": {"model_type"},
    "model-fields": {"model_attributes_type", "missing"},
    "tagged-union": {"count_form"},
    **dict.fromkeys(
        ("model-field", "nullable", "default", "union", "definitions", "definition-ref", "is-instance", "any"),
        frozenset(),
    ),
    **dict.fromkeys(("function-before", "function-wrap", "function-plain", "function-after"), frozenset()),
}
BOUNDS = {
    "ge": "greater_than_equal",
    "gt": "greater_than",
    "le": "less_than_equal",
    "lt": "less_than",
    "pattern": "string_pattern_mismatch",
    "multiple_of": "multiple_of",
}
ASIDE = {"serialization", "metadata", "function"}
IN_WORDS_OF_ITS_OWN = {"missing"}


def raised_by(node: Any) -> set[str]:
    """All error types that a core schema can raise."""
    if isinstance(node, list | tuple):
        return {kind for one in node for kind in raised_by(one)}
    if not isinstance(node, dict):
        return set()
    inner = {kind for key, one in node.items() if key not in ASIDE for kind in raised_by(one)}
    if "type" not in node or not isinstance(node["type"], str):
        return inner
    text = "string_" if node["type"] == "str" else ""
    sizes = {f"{text}{end}" for key, end in (("min_length", "too_short"), ("max_length", "too_long")) if key in node}
    return inner | RAISES[node["type"]] | {BOUNDS[key] for key in BOUNDS if key in node} | sizes


def forms() -> list[Any]:
    kinds = [find(p.package, name, p.base) for p in (FAMILY, MODALITY) for name in names(p.package)]
    samplers = [kind.Sampler for kind in kinds if hasattr(kind, "Sampler")]
    return [JobSpec, *map(form_of, [*kinds, *samplers])]


@pytest.mark.parametrize("form", forms(), ids=[f"{number} {form.__name__}" for number, form in enumerate(forms())])
def test_every_error_that_a_field_can_raise_has_a_sentence(form):
    """None of pydantic's own words reaches the user."""
    form.model_rebuild()

    assert set() == raised_by(form.__pydantic_core_schema__) - set(ALLOWED) - IN_WORDS_OF_ITS_OWN


def test_the_table_holds_no_error_that_pydantic_does_not_know():
    """A type that pydantic renames is noticed."""
    assert {"count_form", "predicate_failed"} == set(ALLOWED) - set(get_args(ErrorType))
