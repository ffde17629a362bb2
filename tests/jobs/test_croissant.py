"""The catalogue entry, read by mlcroissant, Croissant's own reader, and by rdflib, which knows nothing of Croissant."""

import hashlib
import json
import logging
from dataclasses import replace
from io import BytesIO

import mlcroissant
import pyarrow.parquet as pq
import pytest
from mlcroissant import ValidationError
from PIL import Image
from rdflib import Graph

from jobs.croissant import NAMED, croissant
from jobs.describe import describe
from tests.jobs.described import TOLD, again, dataset, folder, told, with_classes

pytestmark = [  # of their own classes and arguments
    pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib.*"),
    pytest.mark.filterwarnings("ignore:The inplace keyword"),
]
PROV = "http://www.w3.org/ns/prov#"


@pytest.fixture
def whole(tmp_path):
    """A described dataset whose job says all that it can say."""
    return dataset(tmp_path / "runs", *TOLD)


def entry(found):
    return folder(found) / "croissant.json"


def read(found):
    return mlcroissant.Dataset(str(entry(found)))


def complaints(made):
    return made.metadata.ctx.issues.report()


def test_it_is_valid_without_a_warning(whole, caplog):
    """Croissant 1.1, with all that the validator misses where it is missing."""
    with caplog.at_level(logging.WARNING):
        made = read(whole)
    assert (complaints(made), caplog.text) == ("", "")
    assert made.metadata.ctx.is_v1_1()
    assert made.metadata.creators[0].name == "A lab"


@pytest.mark.parametrize("words", [(), ("data.license=by contract",), ("card.url=https://example.com",)])
def test_without_a_date_there_is_one_warning(whole, words):
    """No clock is asked for one; a licence in words, or none, is no fault."""
    found = again(whole, *words)
    describe(found)
    assert complaints(read(found)).count("\n") == 1
    assert "datePublished" in complaints(read(found))


def test_a_dated_run_has_its_date(tmp_path):
    """Where the job says no other."""
    found = dataset(tmp_path, "logical_date=2026-11-20")
    assert read(found).metadata.date_published.date().isoformat() == "2026-11-20"


def test_its_records_are_those_of_the_parts(whole):
    """Images, labels with their names, and indices, as pyarrow reads them."""
    made = read(whole)
    records, wanted = (
        list(made.records("samples")),
        pq.read_table(sorted((folder(whole) / "data").iterdir())).to_pylist(),
    )
    for name in ("label", "index", "synthetic"):
        assert [record[f"samples/{name}"] for record in records] == [row[name] for row in wanted]
    for record, row in zip(records, wanted, strict=True):
        assert record["samples/image"].tobytes() == Image.open(BytesIO(row["image"]["bytes"])).tobytes()
    names = {record["classes/label"]: record["classes/name"] for record in made.records("classes")}
    assert names == {0: "a", 1: "b"}


def test_what_no_manifest_names_is_no_record(whole):
    """A larger run that was cut short leaves such parts."""
    data = (folder(whole) / "data/part-00000.parquet").read_bytes()
    (folder(whole) / "data/part-00009.parquet").write_bytes(data)
    assert len(list(read(whole).records("samples"))) == 40


def test_each_part_and_the_manifest_have_their_digest(whole):
    """The SHA-256 of their bytes, at a place relative to the entry."""
    files = [file for file in json.loads(entry(whole).read_text())["distribution"] if "sha256" in file]
    found = {file["contentUrl"]: file["sha256"] for file in files}
    wanted = [folder(whole) / "manifest.json", *(folder(whole) / "data").iterdir()]
    assert found == {
        str(path.relative_to(folder(whole))): hashlib.sha256(path.read_bytes()).hexdigest() for path in wanted
    }


def test_where_it_comes_from_is_told_in_prov(whole):
    """Dataset, checkpoint and rows, what made each of the other, and with which programs; for any reader of RDF."""
    graph = Graph().parse(data=entry(whole).read_text(), format="json-ld")
    asked = f"""
        PREFIX prov: <{PROV}> PREFIX schema: <https://schema.org/>
        SELECT ?checkpoint ?source ?licence ?credit ?program WHERE {{
            ?dataset a schema:Dataset; prov:wasDerivedFrom ?model; prov:wasGeneratedBy ?drawing .
            ?drawing a prov:Activity; prov:used ?model; prov:wasAssociatedWith [prov:label ?program] .
            ?model a prov:Entity; prov:wasDerivedFrom ?rows; prov:wasGeneratedBy [prov:used ?rows] .
            ?rows prov:label ?source; schema:license ?licence; schema:creditText ?credit .
            BIND(STR(?model) AS ?checkpoint)
        }}"""
    ((checkpoint, source, licence, credit, program),) = graph.query(asked)
    assert str(checkpoint).endswith(f"checkpoint:{whole.checkpoint}")
    assert (str(source), str(credit)) == ("sklearn://digits", "Two people")
    assert str(licence) == "https://spdx.org/licenses/CC-BY-SA-3.0.html"
    assert "genai 0" in str(program)


def part(doc):
    return doc["distribution"][1]


def field(doc, name):
    return next(field for field in doc["recordSet"][1]["field"] if field["name"] == name)


DAMAGE = {
    "no digest": (lambda doc: part(doc).pop("sha256"), "sha256"),
    "no format": (lambda doc: part(doc).pop("encodingFormat"), "encodingFormat"),
    "no place": (lambda doc: part(doc).pop("contentUrl"), "contentUrl"),
    "another standard": (lambda doc: doc.update(conformsTo="http://mlcommons.org/croissant/7.0"), "conformsTo"),
    "another thing": (lambda doc: doc.update({"@type": "sc:Book"}), "Dataset"),
    "a source that is not there": (
        lambda doc: field(doc, "image")["source"].update(fileSet={"@id": "nowhere"}),
        "nowhere",
    ),
    "a column without a type": (lambda doc: field(doc, "index").pop("dataType"), "dataType"),
    "a class without a name": (lambda doc: doc["recordSet"][0]["data"][1].pop("classes/name"), "expected columns"),
    "a reference to nothing": (
        lambda doc: field(doc, "label").update(references={"field": {"@id": "nobody"}}),
        "nobody",
    ),
    "a date that is none": (lambda doc: doc.update(datePublished="last autumn"), "ISO 8601"),
    "a version that is none": (lambda doc: doc.update(version="newest"), "MAJOR.MINOR.PATCH"),
    "no licence": (lambda doc: doc.pop("license"), "license"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_entry_is_caught(whole, damage):
    """By its validator, which names what is wrong."""
    strike, wanted = DAMAGE[damage]
    doc = json.loads(entry(whole).read_text())
    strike(doc)
    try:
        found = complaints(mlcroissant.Dataset(doc))
    except (ValidationError, ValueError) as error:
        found = str(error)
    assert wanted in found


def test_a_column_that_is_not_there_is_caught(whole):
    """When the records are read."""
    entry(whole).write_text(entry(whole).read_text().replace('"column": "index"', '"column": "number"'))
    with pytest.raises(mlcroissant.GenerationError) as caught:
        list(read(whole).records("samples"))
    assert 'Column "number" does not exist' in str(caught.value.__cause__)


def many(found, number):
    """The facts of a dataset of so many parts."""
    first = found.manifest.parts[0]
    parts = tuple(replace(first, name=f"part-{at:05}.parquet") for at in range(number))
    return replace(found, manifest=replace(found.manifest, parts=parts))


def test_a_thousand_parts_are_named_one_by_one(whole):
    """That is as many as a reader takes in about a second."""
    text = croissant(many(told(whole), NAMED))
    assert text.count('"sha256"') == NAMED + 1
    assert json.loads(text)["distribution"][-1]["includes"][-1] == f"data/part-{NAMED - 1:05}.parquet"


def test_more_parts_are_one_pattern(whole):
    """And the digest of the manifest, which has theirs: the entry stays small, and valid."""
    found = many(told(whole), NAMED + 1)
    text = croissant(found)
    assert len(text) < 20_000
    made = mlcroissant.Dataset(json.loads(text))
    assert complaints(made) == ""
    assert made.metadata.file_objects[0].sha256 == hashlib.sha256(found.manifest.to_json()).hexdigest()
    assert made.metadata.file_sets[0].includes == ["data/*.parquet"]


NAMES = ("", "a\nb", '"', "http://example.com/x y", "@id", "ü", "{}", "012")


def test_class_names_are_text(whole):
    """Whatever they hold, they come out as they went in."""
    made = mlcroissant.Dataset(json.loads(croissant(with_classes(told(whole), NAMES))))
    assert tuple(record["classes/name"] for record in made.records("classes")) == NAMES
    assert complaints(made) == ""


def test_a_dataset_without_classes_refers_to_none(tmp_path):
    """Its records are images and numbers."""
    made = mlcroissant.Dataset(json.loads(croissant(with_classes(told(dataset(tmp_path, *TOLD)), ()))))
    assert [record_set.id for record_set in made.metadata.record_sets] == ["samples"]
    assert complaints(made) == ""
