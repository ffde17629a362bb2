"""The JSON Schema of a job file, for editors: the models' own, with a branch for each kind of plug-in.

`{family: …}` and `{kind: …}` are `oneOf` over the kinds that are installed, with their fields; what stands under
`generate.sampler` follows from the family by `if`/`then`. A user's own `package.module:Class` passes, its fields
unchecked, since an editor cannot import it.
"""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import IsInstanceSchema

from genai.registry import find, names
from jobs.form import form_of
from jobs.minting import MODE
from jobs.parts import FAMILY, FILTER, MODALITY
from jobs.plugin import Plugin
from jobs.publish import PLUGINS
from jobs.spec import JobSpec

Json = dict[str, Any]

_DIGEST = {"type": ["string", "null"], "pattern": "^[0-9a-f]{64}$"}
_FOREIGN = {"type": "string", "pattern": r"^[\w.]+:\w+$", "description": "Your own, as package.module:Class."}


class _Generator(GenerateJsonSchema):
    """Leaves plug-ins open: `json_schema` fills them in."""

    def is_instance_schema(self, schema: IsInstanceSchema) -> JsonSchemaValue:  # pydantic's signature
        return {}


def json_schema() -> Json:
    """JSON Schema (draft 2020-12) of a job file."""
    made = JobSpec.model_json_schema(schema_generator=_Generator)
    parts = made["$defs"]
    pinned, pipeline = (
        parts["Model"]["properties"][name] | {"type": "string", "minLength": 1} for name in ("checkpoint", "pipeline")
    )
    parts["Model"] = _choice(FAMILY) | {"description": parts["Model"]["description"]}
    parts["Model"]["oneOf"].append(_pinned(pinned))
    for branch in parts["Model"]["oneOf"]:
        _name_pipeline(branch, pipeline)
    parts["Data"]["properties"]["modality"] |= _choice(MODALITY)
    for part in ("Data", "Generate"):
        parts[part]["properties"]["filters"]["items"] = _choice(FILTER)
    parts["Generate"]["properties"]["mode"] |= {"oneOf": [{"type": "null"}, *_choice(MODE)["oneOf"]]}
    made["properties"]["publish"]["items"] = _choice(*PLUGINS)
    made["allOf"] = [_sampler_of(name) for name in names(FAMILY.package)]
    return made | {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A genai job"}


def _choice(*plugins: Plugin[Any]) -> Json:
    """A bare name, or a mapping with the fields of its kind, of any of these plug-ins; all have the same key."""
    known = [(plugin, name) for plugin in plugins for name in names(plugin.package)]
    key = plugins[0].key
    named = {"enum": [name for _, name in known], "description": "A kind, with its defaults."}
    foreign = {"type": "object", "properties": {key: _FOREIGN}, "required": [key]}
    return {"oneOf": [named, _FOREIGN, *(_fields_of(plugin, name) for plugin, name in known), foreign]}


def _name_pipeline(branch: Json, pipeline: Json) -> None:
    """Beside the fields of a family whose members come trained, where they are."""
    name = branch.get("properties", {}).get("family", {}).get("const")
    if name and find(FAMILY.package, name, FAMILY.base).pretrained:
        branch["properties"] |= {"pipeline": pipeline, "digest": _DIGEST}
        branch["required"] = [*branch["required"], "pipeline"]


def _pinned(checkpoint: Json) -> Json:
    """A checkpoint, and no field of its family's beside it."""
    properties = {"family": {"enum": names(FAMILY.package)}, "checkpoint": checkpoint, "digest": _DIGEST}
    return {"type": "object", "properties": properties, "required": ["checkpoint"], "additionalProperties": False}


def _fields_of(plugin: Plugin[Any], name: str) -> Json:
    schema = form_of(find(plugin.package, name, plugin.base)).model_json_schema()
    assert "$defs" not in schema, f"{name}: the fields of a kind are plain values"
    schema["properties"] = {plugin.key: {"const": name}, **schema.get("properties", {})}
    needed = [] if name == plugin.default else [plugin.key]
    return schema | {"required": [*needed, *schema.get("required", [])]}


def _sampler_of(name: str) -> Json:
    """The fields of `generate.sampler` where the family is `name`, also where it is by default."""
    needed = [] if name == FAMILY.default else ["family"]
    mapping = {"type": "object", "properties": {"family": {"const": name}}, "required": needed}
    condition = {
        "properties": {"model": {"anyOf": [{"const": name}, mapping]}},
        "required": ["model"] if needed else [],
    }
    sampler = form_of(find(FAMILY.package, name, FAMILY.base).Sampler).model_json_schema()
    return {"if": condition, "then": {"properties": {"generate": {"properties": {"sampler": sampler}}}}}
