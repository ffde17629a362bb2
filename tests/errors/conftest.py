"""The finished run that is copied and damaged, and every provocation carried out once."""

import importlib

import pytest

import tests.own_ray  # noqa: F401  # before the topics import ray
from tests.errors.provoked import ALL, HEAD, SMALL, Scene, outcome

for topic in (
    "commands",
    "schedules",
    "running",
    "listeners",
    "job_file",
    "rows",
    "texts",
    "captioning",
    "editing",
    "beginning",
    "pipelines",
    "filtering",
    "table_rows",
    "recordings",
    "clips",
    "folders",
    "buckets",
    "damage",
    "machines",
    "cluster_file",
    "clusters",
    "dated",
    "described",
    "publishing",
    "bridges",
    "augmenting",
    "seeing",
    "packing",
    "tables",
):
    importlib.import_module(f"tests.errors.{topic}")


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """A folder with job.yaml and its finished run."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        scene = Scene(folder, patch, None, folder)
        scene.write("job.yaml", HEAD + SMALL)
        scene.run()
    return folder


@pytest.fixture(scope="session")
def told(whole, tmp_path_factory, request):
    """`told(name)`: what came of a provocation, which is carried out when it is first asked for."""
    known = {}

    def of(name):
        if name not in known:
            with pytest.MonkeyPatch.context() as patch:
                folder = tmp_path_factory.mktemp("error")
                server = lambda kind: request.getfixturevalue(f"{kind}_s3")  # noqa: E731
                known[name] = outcome(ALL[name], Scene(folder, patch, server, whole))
        return known[name]

    return of
