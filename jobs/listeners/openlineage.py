"""Lineage, as OpenLineage tells it: a run starts, and completes, fails or is aborted, from which data to which dataset.

Where it is sent follows from OpenLineage's own settings: OPENLINEAGE_URL, openlineage.yml, OPENLINEAGE__TRANSPORT__….
Each start of a run is an OpenLineage run of its own, whose tag `genai.run` is our run id.
Datasets are named as OpenLineage asks: `s3://bucket` and a key, `file` and a path.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import genai
from genai.errors import GenaiError, InputError
from jobs import layout
from jobs.dates import Window, moment, span
from jobs.events import Event
from jobs.spec import JobSpec
from jobs.stores import Store

PRODUCER = f"https://pypi.org/project/genai-jobs/{genai.__version__}"
NAMESPACE = "genai"  # of jobs, where OPENLINEAGE_NAMESPACE says no other
_STATES = {"run_started": "START", "run_done": "COMPLETE", "run_incomplete": "FAIL", "run_failed": "FAIL"}
_STOPPED = (130, 143)


class Lineage:
    """One run's events for OpenLineage; nothing of it is imported before the first."""

    kinds = frozenset(_STATES)

    def __init__(self, spec: JobSpec) -> None:
        self._spec = spec
        self._client: Any = None
        self._id = ""

    def __call__(self, event: Event) -> None:
        """Raises GenaiError where it can't be sent; what OpenLineage says of that may name a key, and is not told."""
        state = "ABORT" if event.fields.get("exit_code") in _STOPPED else _STATES[event.kind]
        try:
            self._connected().emit(self._told(state, event))
        except GenaiError:
            raise
        except Exception as error:
            raise GenaiError(f"OpenLineage could not send {state}: {type(error).__name__}") from error

    def close(self) -> None:
        if self._client:
            self._client.close()

    def _connected(self) -> Any:
        if self._client is None:
            from openlineage.client.client import OpenLineageClient
            from openlineage.client.uuid import generate_new_uuid

            client = OpenLineageClient()
            if client.transport.kind == "console" and not (client.config.transport or {}).get("type"):
                raise GenaiError("OpenLineage knows no place to send to; set OPENLINEAGE_URL, or write openlineage.yml")
            self._client, self._id = client, str(generate_new_uuid())
        return self._client

    def _told(self, state: str, event: Event) -> Any:
        from openlineage.client.event_v2 import InputDataset, Job, Run, RunEvent, RunState
        from openlineage.client.facet_v2 import job_type_job

        data = self._spec.data
        sources = [*data.source, *([data.test_source] if data.test_source else [])]
        kind = job_type_job.JobTypeJobFacet("BATCH", "GENAI", "JOB", producer=PRODUCER)
        return RunEvent(
            eventType=RunState[state],
            eventTime=datetime.fromtimestamp(event.at, UTC).isoformat(),
            run=Run(self._id, self._run_facets(event)),
            job=Job(os.environ.get("OPENLINEAGE_NAMESPACE") or NAMESPACE, self._spec.name, {"jobType": kind}),
            inputs=[InputDataset(*named(uri)) for uri in sources],
            outputs=[self._output(event)] if state == "COMPLETE" else [],
            producer=PRODUCER,
        )

    def _run_facets(self, event: Event) -> dict[str, Any]:
        from openlineage.client.facet_v2 import error_message_run, nominal_time_run, tags_run

        tag = tags_run.TagsRunFacetFields("genai.run", layout.run_id(self._spec), "GENAI")
        facets: dict[str, Any] = {"tags": tags_run.TagsRunFacet([tag], producer=PRODUCER)}
        if self._spec.logical_date:
            window = Window.until(moment(self._spec.logical_date), span(self._spec.window))
            times = (window.start.isoformat(), window.end.isoformat())
            facets["nominalTime"] = nominal_time_run.NominalTimeRunFacet(*times, producer=PRODUCER)
        if "error" in event.fields:
            said = error_message_run.ErrorMessageRunFacet(str(event.fields["error"]), "PYTHON", producer=PRODUCER)
            facets["errorMessage"] = said
        return facets

    def _output(self, event: Event) -> Any:
        from openlineage.client.event_v2 import OutputDataset
        from openlineage.client.facet_v2 import dataset_version_dataset, output_statistics_output_dataset

        fields = event.fields
        version = dataset_version_dataset.DatasetVersionDatasetFacet(str(fields["digest"]), producer=PRODUCER)
        counts = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
            rowCount=fields["rows"], size=fields["bytes"], producer=PRODUCER
        )
        schema = _schema(layout.job_store(self._spec), str(fields["dataset"]))
        return OutputDataset(
            *named(str(fields["path"])),
            facets={"version": version, **({"schema": schema} if schema else {})},
            outputFacets={"outputStatistics": counts},
        )


def named(uri: str) -> tuple[str, str]:
    """Namespace and name of a source or a dataset."""
    scheme, mark, rest = uri.partition("://")
    if not mark:
        return "file", uri
    if scheme == "file":
        return "file", url2pathname(urlsplit(uri).path)
    if scheme == "s3":
        bucket, _, key = rest.partition("/")
        return f"s3://{bucket}", key or "/"
    return scheme, rest


def _schema(store: Store, key: str) -> Any:
    """The columns, as the first part has them; None where it is no Parquet, or can't be read now."""
    from openlineage.client.facet_v2 import schema_dataset
    from pyarrow import ArrowException
    from pyarrow.parquet import read_schema

    try:
        first = next(store.list(layout.part(key, "")), None)
        if first is None or not first.key.endswith(".parquet"):
            return None
        with store.open(first.key) as file:
            return schema_dataset.SchemaDatasetFacet([_field(one) for one in read_schema(file)], producer=PRODUCER)
    except (GenaiError, ArrowException, OSError):
        return None


def _field(column: Any) -> Any:
    from openlineage.client.facet_v2 import schema_dataset
    from pyarrow.types import is_struct

    inner = [_field(one) for one in column.type] if is_struct(column.type) else []
    kind = "struct" if inner else str(column.type)
    return schema_dataset.SchemaDatasetFacetFields(column.name, kind, fields=inner)


def listener(spec: JobSpec) -> Lineage:
    """Raises InputError where openlineage-python is not installed."""
    try:
        found = find_spec("openlineage.client")
    except (ModuleNotFoundError, ValueError):
        found = None
    if found is None:
        text = "openlineage-python is not installed; pip install 'genai-jobs[lineage]'"
        raise InputError(f"notify.openlineage: found true, but {text}")
    return Lineage(spec)
