"""The suite of crews says what differed, although pytest does not collect its file itself."""

import pytest

pytest.register_assert_rewrite("tests.jobs.crew_suite")
