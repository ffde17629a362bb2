"""Credentials stay where they were given: canaries in every place that AWS reads, and a look at all that is written."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from jobs.cli import main
from tests.digits import digits
from tests.hook import CLOSE, hook
from tests.processes import descendants

pytestmark = pytest.mark.s3

KEY_ID, SECRET, TOKEN = "AKIACANARY00KEY00000", "canary+S3cret/with/slashes/0123456789abcd", "canaryTOKEN//+==token"
USER, PASSWORD = "canaryuser", "canaryPassw0rd"
FILE_SECRET = "canaryPROFILE/secret/of/a/file/0123456789"
CANARIES = [KEY_ID, SECRET, TOKEN, USER, PASSWORD, FILE_SECRET, "canary"]
JOB = """\
name: tiny
output: {output}
data: {{source: {digits}}}
model: {{family: vae, backbone: dense, latent: 2, width: 4}}
train: {{steps: 4, batch: 64}}
generate: {{count: 40, part_rows: 4, batch: 4}}
"""


class Watched:
    """The command, typed in a folder of its own with canaries around it. Keeps all that is said, and the titles of all
    processes.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment
        self.said: list[str] = []
        self.titles: set[str] = set()

    def __call__(self, *args: str, code: int | None = 0, kill_at: str = "\0", **changes: str) -> str:
        """Type `genai ARGS`; what it said. With `kill_at`, everything is killed as soon as it has said that."""
        log = self.folder / f"words-{len(self.said)}"
        with log.open("wb") as words:
            process = subprocess.Popen(
                [sys.executable, "-m", "jobs", *args], cwd=self.folder, env={**self.environment, **changes},
                stdin=subprocess.DEVNULL, stdout=words, stderr=words,
            )  # fmt: skip
        tree = [process.pid]
        while process.poll() is None and kill_at not in log.read_text():
            found = dict(descendants(process.pid))
            tree, titles = [process.pid, *found], found.values()
            self.titles.update(titles, [title_of(process.pid)])
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
        for number in tree if process.poll() is None else ():
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        process.wait()
        self.said.append(log.read_text())
        assert code is None or process.returncode == code, self.said[-1]
        assert "Traceback" not in self.said[-1]
        return self.said[-1]

    def job(self, output: str) -> str:
        (self.folder / "tiny.yaml").write_text(JOB.format(output=output, digits=digits()))
        return "tiny.yaml"

    def leaks(self, *more: bytes) -> list[str]:
        """Canaries in what was said, in the titles, in the files of the folder, or in `more`."""
        files = [path for path in self.folder.rglob("*") if path.is_file() and path.name != "planted"]
        written = [*(path.read_bytes() for path in files), *(str(path).encode() for path in files), *more]
        text = "\n".join([*self.said, *sorted(self.titles)])
        return [canary for canary in CANARIES if canary in text or any(canary.encode() in data for data in written)]


def title_of(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    return ""


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """A folder, and an environment in which every AWS program finds the canaries; nothing else of AWS is set."""
    for name in ("home", "tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / "home/planted").write_text(
        f"[default]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {FILE_SECRET}\n"
    )
    plain = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    folders = {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")}
    aws = {
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "home/planted"),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "GENAI_S3_PATIENCE": "2",
    }
    return Watched(tmp_path, {**plain, **folders, **aws})


KEYS = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}


def behind(endpoint: str) -> str:
    """The endpoint with a user and a password."""
    return endpoint.replace("://", f"://{USER}:{PASSWORD}@")


def objects(server, bucket: str) -> list[bytes]:
    """All that a bucket holds: names, metadata, bytes."""
    client = server.client()
    found = []
    for entry in client.list_objects_v2(Bucket=bucket).get("Contents", []):
        answer = client.get_object(Bucket=bucket, Key=entry["Key"])
        found += [entry["Key"].encode(), repr(answer["Metadata"]).encode(), answer["Body"].read()]
    return found


def test_a_run_leaves_no_credential_anywhere(watched, moto_s3):
    """Killed, run again to its end, and looked at: not in the bucket, the folder, the words or the titles."""
    bucket = moto_s3.bucket()
    watched.environment |= {**KEYS, "AWS_ENDPOINT_URL": behind(moto_s3.endpoint)}
    job = watched.job(f"s3://{bucket}/runs")

    watched("run", job, "--crew", "local", kill_at="train: step 4 of 4", code=None)
    told = watched("run", job, "--crew", "local")
    watched("status", job, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_SESSION_TOKEN="")  # by the profile

    there = objects(moto_s3, bucket)
    assert "40 samples" in told
    assert len(watched.titles) > 1
    assert len(there) > 3 * 20
    assert any(b"run_done" in data for data in there)
    assert watched.leaks(*there) == []


def test_a_run_that_fails_leaves_no_credential_anywhere(watched, moto_s3, rclone_s3):
    """Nobody listens, the server refuses the key, the endpoint is no URL, the bucket is not there."""
    bucket = rclone_s3.bucket()
    job = watched.job(f"s3://{bucket}/runs")
    watched.environment |= KEYS

    away = {"AWS_ENDPOINT_URL": behind("http://127.0.0.1:9"), "GENAI_S3_PATIENCE": "0.1"}
    nobody = watched("run", job, "--crew", "local", code=1, **away)
    refused = watched("run", job, "--crew", "local", code=2, AWS_ENDPOINT_URL=behind(rclone_s3.endpoint))
    odd = watched("run", job, "--crew", "local", code=2, AWS_ENDPOINT_URL=f"{USER}:{PASSWORD}@nowhere")
    missing = watched("run", job, "--crew", "local", code=2, AWS_ENDPOINT_URL=behind(moto_s3.endpoint))

    assert "127.0.0.1:9" in nobody
    assert "AWS_SECRET_ACCESS_KEY" in refused
    assert "AWS_ENDPOINT_URL" in odd
    assert bucket in missing
    assert watched.leaks() == []


URIS = [
    f"s3://{KEY_ID}:{SECRET}@bucket/runs",
    f"s3://{KEY_ID}:{SECRET.replace('/', '%2F')}@bucket/runs",
    f"http://{USER}:{PASSWORD}@host/rows.parquet",
    f"file://{USER}:{PASSWORD}@host/folder",
    f"sklearn://{USER}:{PASSWORD}@digits",
    f"ftp://{USER}@host/rows",
]


@pytest.mark.parametrize("field", ["output", "data.source", "data.test_source"])
@pytest.mark.parametrize("uri", URIS, ids=["s3", "s3 quoted", "http", "file", "sklearn", "ftp"])
def test_a_credential_in_a_uri_is_refused_and_not_repeated(watched, monkeypatch, uri, field):
    """In the job file and by --set, by each command that looks at it; nothing is written."""
    monkeypatch.chdir(watched.folder)
    (watched.folder / "rows").mkdir()
    given = {"output": "runs", "data.source": "sklearn://digits"} | {field: uri}
    job = watched.job("runs")
    (watched.folder / "written.yaml").write_text(
        f"name: tiny\noutput: {given['output']}\ndata:\n  source: {given['data.source']}\n"
        f"  test_source: {given.get('data.test_source', 'null')}\n"
    )
    for arguments in ([job, "--set", f"{field}={uri}"], ["written.yaml"], [job, "--set", f"{field}=[{uri}]"]):
        for command in ("validate", "plan", "run"):
            if command == "validate" and field == "output":
                continue  # it looks at the data only
            done = CliRunner().invoke(main, [command, *arguments])
            assert done.exit_code == 2, (command, arguments, done.output)
            watched.said.append(done.output)
    for name in ("written.yaml", "home/planted"):
        (watched.folder / name).unlink()
    assert watched.leaks() == []
    assert not (watched.folder / "runs").exists()


def test_a_run_that_is_named_with_a_credential_is_refused_and_not_repeated(watched, monkeypatch):
    """RUN and --output may be URIs, too."""
    monkeypatch.chdir(watched.folder)
    for uri in URIS:
        for arguments in (["status", f"{uri}/tiny/runs/tiny-0123456789ab"], ["verify", f"{uri}/tiny/datasets/k"],
                          ["run", f"{uri}/job.yaml"], ["list", "--output", uri],
                          ["status", "tiny-0123456789ab", "--output", uri]):  # fmt: skip
            done = CliRunner().invoke(main, arguments)
            assert done.exit_code == 2, (arguments, done.output)
            watched.said.append(done.output)
    assert watched.leaks() == []


NOTIFY = "notify: {webhook: {url_env: HOOK, secret_env: HOOK_SECRET}, openlineage: true}\n"


def private(host: str) -> str:
    """An address all of whose parts but the host are secrets."""
    return f"http://{USER}:{PASSWORD}@{host}/services/canary?token=canary"


@pytest.mark.soak
def test_who_is_told_of_a_run_leaves_no_secret_anywhere(watched):
    """The webhook's address and secret, and lineage's: taken, refused, redirected, cut off, not there, and no URL; not
    in the run's folder, its events, the words, the titles, or the bodies that were sent.
    """
    job = watched.job("runs")
    (watched.folder / job).write_text((watched.folder / job).read_text() + NOTIFY)
    watched.environment |= {"HOOK_SECRET": SECRET}
    lineage = '{{"type": "http", "url": "{}", "retry": {{"total": 0}}}}'
    with hook(200) as good, hook(404) as bad, hook(private("127.0.0.1:9")) as away, hook(CLOSE) as closing:
        for seed, server in enumerate((good, bad, away, closing)):
            around = {"HOOK": private(server.host), "OPENLINEAGE__TRANSPORT": lineage.format(private(server.host))}
            watched("run", job, "--crew", "local", "--set", f"seed={seed}", **around)
        nobody = {"HOOK": private("127.0.0.1:9"), "OPENLINEAGE__TRANSPORT": lineage.format(private("127.0.0.1:9"))}
        watched("run", job, "--crew", "local", "--set", "seed=9", **nobody)
        odd = watched("run", job, "--crew", "local", "--set", "seed=10", code=2, HOOK=f"ftp://{USER}:{PASSWORD}@host/")
        sent = [one.body for server in (good, bad, away, closing) for one in server.received]

    assert (
        "webhook: http://127.0.0.1:9: Connection refused; tried 3 times; the run goes on without it" in watched.said[4]
    )
    assert [("listener_failed" in text, "webhook: " in text) for text in watched.said[:1]] == [(False, False)]
    assert "the variable HOOK holds no URL" in odd
    assert len(sent) >= 4 * 3
    assert watched.leaks(*sent) == []


@pytest.mark.parametrize("given", ["webhook: {}", "webhook: {{url: '{}'}}", "webhook: ['{}']", "webhok: '{}'"])
def test_a_secret_in_a_webhook_is_refused_and_not_repeated(watched, monkeypatch, given):
    """In the job file and by --set; nothing is written."""
    monkeypatch.chdir(watched.folder)
    job = watched.job("runs")
    for uri in (private("host"), "https://host/?key=canary", f"https://host:{SECRET}"):
        text = given.format(uri)
        (watched.folder / "written.yaml").write_text((watched.folder / job).read_text() + f"notify: {{{text}}}\n")
        for arguments in (["written.yaml"], [job, "--set", f"notify={{{text}}}"]):
            done = CliRunner().invoke(main, ["run", *arguments])
            assert done.exit_code == 2, (arguments, done.output)
            watched.said.append(done.output)
    (watched.folder / "written.yaml").unlink()
    assert watched.leaks() == []
    assert not (watched.folder / "runs").exists()
