"""The catalogue entry, `croissant.json`: Croissant 1.1 (https://docs.mlcommons.org/croissant), in JSON-LD.

Files, records, and where they come from, in the words of schema.org, PROV-O and Croissant's own RAI vocabulary.

- Each part is a FileObject with its SHA-256, up to `NAMED` of them: a reader takes about a millisecond for each. A
  larger dataset is one FileSet by pattern, and the SHA-256 of the manifest, which has those of all parts.
- The FileSet is read from the folder that this file lies in; it names the manifest's parts one by one, so that what
  else lies in `data/` is not taken for samples.
- `version` is 1.<samples>.0: a larger count keeps all that was there, which is what a minor version means.
- No clock: `datePublished` is the day that the job says, or its logical date. Where neither is, it is left out, and
  `mlcroissant validate` warns of that.

Pure: equal facts give equal bytes.
"""

from __future__ import annotations

import json
from typing import Any

import genai
from genai.identity import sha256
from jobs import license as licenses
from jobs.card import LICENSE, described
from jobs.facts import Facts

CROISSANT = "croissant.json"
NAMED = 1_000  # parts that are named one by one
PARQUET = "application/x-parquet"  # as mlcroissant reads it

Json = dict[str, Any]

_CONTEXT: Json = {
    "@language": "en", "@vocab": "https://schema.org/", "annotation": "cr:annotation", "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs", "column": "cr:column", "conformsTo": "dct:conformsTo", "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/", "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"}, "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"}, "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"}, "excludes": "cr:excludes", "extract": "cr:extract",
    "field": "cr:field", "fileObject": "cr:fileObject", "fileProperty": "cr:fileProperty", "fileSet": "cr:fileSet",
    "format": "cr:format", "includes": "cr:includes", "isArray": "cr:isArray", "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath", "key": "cr:key", "md5": "cr:md5", "name": {"@container": "@language"},
    "parentField": "cr:parentField", "path": "cr:path", "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/", "readLines": "cr:readLines", "recordSet": "cr:recordSet",
    "references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated", "replace": "cr:replace",
    "samplingRate": "cr:samplingRate", "sc": "https://schema.org/", "sdVersion": "cr:sdVersion",
    "separator": "cr:separator", "source": "cr:source", "subField": "cr:subField", "transform": "cr:transform",
    "unArchive": "cr:unArchive", "value": "cr:value",
}  # fmt: skip
_CONFORMS = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
_TYPES = {"string": "sc:Text", "bool": "sc:Boolean", "date32": "sc:Date"}


def croissant(facts: Facts) -> str:
    """The entry as JSON-LD."""
    manifest, card = facts.manifest, facts.card
    entry = {
        "@context": _CONTEXT, "@type": "sc:Dataset", "name": manifest.job, "conformsTo": _CONFORMS,
        "description": f"{facts.sentence}. No row is real: a program made each of them.",
        "license": licenses.page(facts.license) or _license(facts),
        "creator": card.creator and {"@type": "sc:Organization", "name": card.creator},
        "url": card.url, "datePublished": facts.date, "version": f"1.{manifest.rows}.0", "citeAs": _citation(facts),
        "keywords": ["synthetic data", facts.family], "isLiveDataset": False,
        "digitalSourceType": {"@id": "sc:TrainedAlgorithmicMediaDigitalSource"},
        **_provenance(facts), **_responsibility(facts),
        "distribution": _distribution(facts), "recordSet": _records(facts),
    }  # fmt: skip
    said = {name: value for name, value in entry.items() if value is not None}
    return json.dumps(said, indent=1, ensure_ascii=False) + "\n"


def _license(facts: Facts) -> Json:
    return {"@type": "sc:CreativeWork", "name": facts.license or licenses.NOT_STATED, "url": LICENSE}


def _citation(facts: Facts) -> str:
    manifest = facts.manifest
    by = f", author = {{{facts.card.creator}}}" if facts.card.creator else ""
    at = f", url = {{{facts.card.url}}}" if facts.card.url else ""
    title, note = f"{manifest.job}: {facts.sentence}", f"digest {manifest.digest}"
    return f"@misc{{{manifest.job}-{manifest.key}{by}, title = {{{title}}}{at}, note = {{{note}}}}}"


def _provenance(facts: Facts) -> Json:
    """The dataset was drawn from a checkpoint, which was trained on the rows of a source."""
    manifest = facts.manifest
    software = {
        "@id": f"urn:genai:software:{manifest.versions.get('genai', genai.__version__)}", "@type": "prov:SoftwareAgent",
        "prov:label": ", ".join(f"{name} {version}" for name, version in manifest.versions.items()),
    }  # fmt: skip
    rows = {
        "@id": f"urn:genai:data:{facts.prepared or 'unknown'}", "@type": "prov:Entity", "prov:label": facts.source,
        "license": licenses.page(facts.license) or facts.license or licenses.NOT_STATED,
        **({"creditText": facts.credit} if facts.credit else {}),
        **({"url": facts.homepage} if facts.homepage else {}),
    }  # fmt: skip
    checkpoint = {
        "@id": f"urn:genai:checkpoint:{manifest.checkpoint}", "@type": "prov:Entity",
        "prov:label": f"the weights of a {facts.family} model", "prov:wasDerivedFrom": rows,
        "prov:wasGeneratedBy": {
            "@id": f"urn:genai:train:{manifest.checkpoint}", "@type": "prov:Activity",
            "prov:label": f"training a {facts.family} model", "prov:used": {"@id": rows["@id"]},
        },
    }  # fmt: skip
    drawing = {
        "@id": f"urn:genai:generate:{manifest.key}", "@type": "prov:Activity",
        "prov:label": f"drawing the samples 0 to {manifest.rows - 1} with the seed {manifest.seed}",
        "prov:used": {"@id": checkpoint["@id"]}, "prov:wasAssociatedWith": software,
    }  # fmt: skip
    return {"prov:wasDerivedFrom": checkpoint, "prov:wasGeneratedBy": drawing}


def _responsibility(facts: Facts) -> Json:
    label = "A label is the class that the model was asked for; nobody has judged what came out."
    return {
        "rai:dataCollection": "Nothing was collected: a generative model drew every sample.",
        **({"rai:dataAnnotationProtocol": [label]} if facts.manifest.classes else {}),
        "rai:dataLimitations": [
            "The model knows its training data and nothing else; what is rare or missing there is so here.",
            "It is no test set: results on it tell of the model, not of the world.",
        ],
        "rai:dataBiases": ["What is wrong or unfair in the training data is repeated."],
        "rai:personalSensitiveInformation": [
            "A sample can be a near copy of a training row, so samples of a model of private data can be private."
        ],
    }


def _distribution(facts: Facts) -> list[Json]:
    manifest = facts.manifest
    data = manifest.to_json()
    few = len(manifest.parts) <= NAMED
    files = [(f"data/{part.name}", part.bytes, part.sha256, PARQUET) for part in manifest.parts if few]
    names = [name for name, *_ in files] or [f"data/*{manifest.plan.suffix}"]
    return [
        _file("manifest.json", len(data), sha256(data), "application/json"),
        *(_file(*file) for file in files),
        {
            "@type": "cr:FileSet", "@id": "parts", "name": "parts", "encodingFormat": PARQUET, "includes": names,
            "description": "The parts of the dataset, in the order of their samples.",
        },
    ]  # fmt: skip


def _file(name: str, size: int, digest: str, kind: str) -> Json:
    return {
        "@type": "cr:FileObject", "@id": name, "name": name, "contentUrl": name, "contentSize": f"{size} B",
        "encodingFormat": kind, "sha256": digest,
    }  # fmt: skip


def _records(facts: Facts) -> list[Json]:
    """The samples, and the classes that their labels refer to."""
    fields = [field for name, feature in facts.features.items() if (field := _field(name, feature))]
    samples = {
        "@type": "cr:RecordSet", "@id": "samples", "name": "samples", "key": {"@id": "samples/index"}, "field": fields
    }  # fmt: skip
    return [*_classes(facts.manifest.classes), samples] if fields else []


def _field(name: str, feature: Json) -> Json | None:
    """A column; None where Croissant has no word for what is in it."""
    kind, said = feature["_type"], {"@type": "cr:Field", "@id": f"samples/{name}", "name": name}
    source: Json = {"fileSet": {"@id": "parts"}, "extract": {"column": name}}
    known: Json = {"description": described(name, feature)}
    if kind in ("Image", "Audio"):
        known |= {"dataType": f"sc:{kind}Object", "source": source | {"transform": {"jsonPath": "bytes"}}}
    elif kind == "ClassLabel":
        refers = {"field": {"@id": "classes/label"}}
        known |= {"dataType": ["sc:Integer", "cr:Label"], "source": source, "references": refers}
    elif kind == "Value" and (type_ := _type(str(feature["dtype"]))):
        known |= {"dataType": type_, "source": source}
    else:
        return None
    return said | known


def _type(dtype: str) -> str | None:
    numbers = {"int": "sc:Integer", "uint": "sc:Integer", "float": "sc:Float"}
    if dtype.startswith("timestamp"):
        return "sc:DateTime"
    return _TYPES.get(dtype) or numbers.get(dtype.rstrip("0123456789"))


def _classes(names: tuple[str, ...]) -> list[Json]:
    if not names:
        return []
    fields = [("label", "sc:Integer"), ("name", "sc:Text")]
    return [
        {
            "@type": "cr:RecordSet", "@id": "classes", "name": "classes", "dataType": "sc:Enumeration",
            "key": {"@id": "classes/label"},
            "field": [{"@type": "cr:Field", "@id": f"classes/{f}", "name": f, "dataType": t} for f, t in fields],
            "data": [{"classes/label": number, "classes/name": name} for number, name in enumerate(names)],
        }
    ]  # fmt: skip
