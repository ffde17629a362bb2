"""A DAG file for Airflow 3, with one task.

The date is that of Airflow's run, so a run that is cleared or made by `airflow backfill` makes the dataset of its own
date. 75 is a skipped task. Airflow reads a task's command as a template: a brace of ours is told it as text.
"""

from __future__ import annotations

import json

from jobs import dates
from jobs.schedule import Schedule

TAKES = frozenset({"crew", "genai", "since"})
_EPOCH = "2020-01-01"
_MARK = "\0"  # stands in no path


def render(schedule: Schedule) -> dict[str, str]:
    """One file."""
    name = f"genai-{schedule.job.name}"
    date = f"{{{{ (dag_run.logical_date or dag_run.run_after).strftime('{schedule.ticks.form}') }}}}"
    command = schedule.script(_MARK).replace("{", "{{ '{' }}").replace(_MARK, date)
    start = dates.moment(schedule.since or _EPOCH)
    return {f"{name.replace('-', '_').replace('.', '_')}.py": f'''\
"""{schedule.job.name}, by genai schedule. To install it: put it into the folder of DAGs."""

from datetime import datetime, timedelta, timezone

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG
from airflow.timetables.trigger import CronTriggerTimetable

with DAG(
    dag_id={_word(name)},
    schedule=CronTriggerTimetable({_word(schedule.ticks.text)}, timezone="UTC"),
    start_date=datetime({start.year}, {start.month}, {start.day}, {start.hour}, {start.minute}, tzinfo=timezone.utc),
    catchup={schedule.since is not None},  # whether dates that were missed are made up for
    max_active_runs=1,
    tags=["genai"],
):
    BashOperator(
        task_id="run",
        bash_command={_word(command)},
        skip_on_exit_code=[75],  # another run is at work on the same
        retries=2,  # a run goes on where the last one was
        retry_delay=timedelta(minutes=5),
    )
'''}  # fmt: skip


def _word(text: str) -> str:
    """As Python says it; a line may be long."""
    return json.dumps(text, ensure_ascii=False)
