"""The suite of crews, over the scripted one and the one of this process (Ray's: tests/workers)."""

import pytest

from genai.errors import WorkerError
from jobs.crew import Failed
from tests.jobs.crew_suite import *  # noqa: F403  # the suite's tests and fixtures
from tests.jobs.crew_suite import make, work_off
from tests.jobs.scripted import Lost, ScriptedCrew, job
from workers.local import LocalCrew

CREWS = {"scripted": ScriptedCrew, "local": LocalCrew}


@pytest.fixture(scope="module", params=CREWS)
def crew(request):
    """Each crew that needs no cluster."""
    return CREWS[request.param]()


@pytest.fixture(scope="module")
def output(crew):
    """A memory store of its own."""
    return job().output


@pytest.fixture(scope="module")
def draws(crew):
    """The scripted crew makes things up."""
    return not isinstance(crew, ScriptedCrew)


def test_the_script_is_followed():
    """A fault strikes the try that it names, and a lost worker comes back as what the Ray crew makes of one."""
    crew = ScriptedCrew({(1, 1): Lost("part"), (2, 2): OSError("disk")})
    made = make(crew, job().output)
    found = [work_off(crew, made.generate, made.shards) for _ in range(3)]
    failed = [{o.shard.number: type(o.error) for o in tries if isinstance(o, Failed)} for tries in found]
    assert failed == [{1: WorkerError}, {2: OSError}, {}]
