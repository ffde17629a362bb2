"""The DAG file as Python and Jinja read it; tests/schedules has a real Airflow."""

import ast

import jinja2
from hypothesis import given

from jobs.cron import Cron
from jobs.targets import airflow
from tests.jobs.targets.made import SCHEDULES, made


class Run:
    """A run of a DAG, of which only the date is asked for."""

    def __init__(self, logical_date, run_after=None):
        self.logical_date, self.run_after = logical_date, run_after


class Date:
    def strftime(self, form):
        return f"<{form}>"


def calls(schedule):
    """The calls of the rendered file, by name, with their keywords."""
    (text,) = airflow.render(schedule).values()
    found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    return {node.func.id: {k.arg: k.value for k in node.keywords} for node in found if isinstance(node.func, ast.Name)}


def command(schedule, run):
    """What bash gets, as Airflow fills in templates."""
    template = ast.literal_eval(calls(schedule)["BashOperator"]["bash_command"])
    assert not template.endswith((".sh", ".bash"))  # or it would be read as the name of a file
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(template).render(dag_run=run)


@given(SCHEDULES)
def test_airflow_starts_what_was_said(schedule):
    """Whatever the names: what comes out of Python's quotes and Jinja's braces is our line of sh."""
    assert command(schedule, Run(Date())) == schedule.script("<%Y-%m-%d>")


def test_the_date_is_that_of_the_run():
    """Or, of one that a person made, the moment from which it may start."""
    hourly = made(cron=Cron.read("0 * * * *"))
    assert command(hourly, Run(None, Date())).endswith("--logical-date <%Y-%m-%dT%H:00Z>")


def test_dates_are_made_up_for_when_that_is_asked_for():
    """From the one that was given."""
    assert ast.literal_eval(calls(made())["DAG"]["catchup"]) is False
    late = calls(made(since="2026-11-20"))
    assert ast.literal_eval(late["DAG"]["catchup"]) is True
    assert [ast.literal_eval(value) for value in late["DAG"]["start_date"].args] == [2026, 11, 20, 0, 0]


def test_a_busy_lease_is_a_skipped_task():
    """And one run at a time is all there is."""
    found = calls(made())
    assert ast.literal_eval(found["BashOperator"]["skip_on_exit_code"]) == [75]
    assert ast.literal_eval(found["DAG"]["max_active_runs"]) == 1
