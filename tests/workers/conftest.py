"""One Ray for all tests of the workers: on loopback, with four GPUs that it declares and does not have."""

import pytest

import tests.own_ray  # noqa: F401  # before the test modules import ray

pytest.register_assert_rewrite("tests.jobs.crew_suite")


@pytest.fixture(scope="session", autouse=True)
def cluster(tmp_path_factory):
    """Ray, of 4 CPUs and 4 GPUs by its own word: it starts a process, of two seconds, for each that is wanted."""
    import ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))  # Ray leaves a token there
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.delenv("RAY_ADDRESS", raising=False)
        ray.init(
            address="local",
            num_cpus=4,
            num_gpus=4,
            object_store_memory=1 << 29,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
        )
        try:
            assert {node["NodeManagerAddress"] for node in ray.nodes()} == {"127.0.0.1"}
            yield ray
        finally:
            ray.shutdown()


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """Where the workers of a module's crew write."""
    return str(tmp_path_factory.mktemp("output"))
