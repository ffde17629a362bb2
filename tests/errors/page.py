"""docs/errors.md, made from what the provocations told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from tests.errors.provoked import Outcome

TOPICS = (
    "Typing a command",
    "Naming a run",
    "Dates",
    "Scheduling",
    "Submitting to a cluster",
    "The job file: reading it",
    "The job file: fields and rules",
    "The job file: families and kinds",
    "Data: finding it",
    "Data: its columns",
    "Data: its rows",
    "Data: tables",
    "Data: Hugging Face folders",
    "Data: WebDatasets",
    "Data: Iceberg tables",
    "The cluster file",
    "Running a job",
    "Telling of a run: `notify`",
    "Telling of a run: `listener_failed` events",
    "A pinned checkpoint",
    "Pretrained pipelines",
    "Packing a dataset",
    "Publishing",
    "Showing samples",
    "Watching runs in a browser",
    "Augmenting: what is mixed",
    "Augmenting: the published dataset",
    "Augmenting: going on",
    "Augmenting: samples drawn from a checkpoint",
    "Training",
    "Workers",
    "Verifying, repairing, collecting",
    "Damage: the checkpoint",
    "Damage: the prepared data",
    "Damage: parts and other files",
    "Stores: names and keys",
    "Stores: a folder",
    "S3: settings",
    "S3: what a server answers",
    "S3: the wire",
)

HEAD = """\
# Errors

Every error that you can meet, as it reads. This page is made by `make errors`: each message comes from provoking the
error for real, and a test fails where one has changed. Search it for the words that you see. On the terminal a message
of one line stands behind `error: `; what stands in `<…>` differs each time.

## Exit codes

| code | what it means | what is safe, and what to do |
|---|---|---|
| 0 | done | all of it |
| 1 | failed, or incomplete; `verify` found a problem, `sample` other pixels | all that is finished: parts, \
checkpoint, saved states of the training. The same command goes on from there, when the cause is gone |
| 2 | bad input: the command, the job file, the data, or a store that will not have it | all that is finished; the \
same again ends the same. Mend what the message names |
| 75 | another run is at work on the same | all; this run did nothing, or stopped for the other. Wait for that one |
| 124 | the time that was given is over (kept for that; no command takes a time yet) | all that is finished |
| 130 | stopped by Ctrl-C | all that is finished; parts in hand get a few seconds to end. The same command goes on |
| 143 | stopped by SIGTERM | the same |

A process that is killed (137 in a shell) or a machine that is lost leaves what 130 leaves: a part counts when its bytes
and its receipt are in the store, and not before.
"""


def page(told: Iterable[Outcome]) -> str:
    """The whole page."""
    ordered = sorted(told, key=lambda one: TOPICS.index(one.provocation.topic))  # within a topic as they stand
    return "\n".join([HEAD, *_sections(ordered)])


def _sections(ordered: list[Outcome]) -> Iterator[str]:
    for topic, group in groupby(ordered, key=lambda one: one.provocation.topic):
        yield f"## {topic}\n"
        yield from map(_entry, group)


def _entry(one: Outcome) -> str:
    about = one.provocation
    given = f", with this in the file:\n\n```yaml\n{about.job}```" if about.job else ""
    advice = f"\nWhat to do: {about.hint}\n" if about.hint else ""
    return f"""\
### {about.title}

{one.done}{given}

```
{one.message}
```
{advice}
*{one.kind}, exit code {one.code}*
"""
