"""Provocations: each makes one error happen for real, in a folder of its own, and says in a user's words what was done.

    @provokes("Running a job", "The source matches no file", job="")
    def no_file(scene):
        scene.genai("validate", "job.yaml", "--set", "data.source=nowhere/*.parquet")

`outcome` carries one out and keeps what a user sees: the message, the class, the exit code. What differs from one
machine or one run to the next is made equal by `normalised`.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import pytest

from genai.errors import GenaiError
from jobs import layout
from jobs.cli import main
from jobs.driver import run
from jobs.events import EventLog
from jobs.resolve import Target, resolve
from jobs.stores import Store, open_store
from jobs.survey import Survey, survey
from tests.conftest import ACCESS_KEY, SECRET_KEY, S3Server
from workers.local import LocalCrew

HEAD = 'name: digits\noutput: runs\ndata: {source: "sklearn://digits"}\n'
SMALL = """\
model: {family: vae, backbone: dense, latent: 4, width: 16}
train: {steps: 3, batch: 16, micro_batches: 2}
generate: {count: 40, part_rows: 10, batch: 16}
"""


@dataclass(frozen=True)
class Provocation:
    """One error. `job` are the lines of the job file that matter to it; `hint` is what to do, where the message leaves
    that open.
    """

    topic: str
    title: str
    provoke: Callable[[Scene], object]
    done: str = ""
    job: str | None = None
    hint: str = ""

    @property
    def name(self) -> str:
        return self.provoke.__name__


ALL: dict[str, Provocation] = {}


def provokes(topic: str, title: str, done: str = "", **about: Any) -> Callable[[Callable[[Scene], object]], Any]:
    """Joins a function to the collection."""

    def join(provoke: Callable[[Scene], object]) -> Callable[[Scene], object]:
        assert provoke.__name__ not in ALL, provoke.__name__
        ALL[provoke.__name__] = Provocation(topic, title, provoke, done, **about)
        return provoke

    return join


@dataclass
class Scene:
    """Where an error is provoked: a folder to stand in, a finished run and servers to be had, and what was typed."""

    folder: Path
    patch: pytest.MonkeyPatch
    server: Callable[[str], S3Server]
    whole: Path  # a folder with job.yaml and its finished run
    typed: str = ""
    uris: dict[str, str] = field(default_factory=dict)  # what is shown in place of a bucket's own name

    def write(self, name: str, data: str | bytes) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return name

    def genai(self, *words: str) -> None:
        """Type a command. Raises what ends it."""
        self.typed = shlex.join(["genai", *words])
        click.Group.main(main, list(words), prog_name="genai", standalone_mode=False)

    def run(self, *settings: str, crew: Any = None) -> None:
        """`genai run job.yaml`, by the driver in this process. Raises what ends it."""
        sets = [word for setting in settings for word in ("--set", setting)]
        self.typed = shlex.join(["genai", "run", "job.yaml", *sets])
        found = survey(self.target(*settings).spec)
        with EventLog(found.store, layout.run_id(found.spec)) as events:
            found.store.put(layout.run(layout.run_id(found.spec)), found.spec.to_yaml().encode())
            run(found, crew or LocalCrew(), events)

    def target(self, *settings: str) -> Target:
        return resolve("job.yaml", "runs", settings)

    def finished(self) -> Survey:
        """A copy of the finished run, to be damaged."""
        shutil.copytree(self.whole, self.folder, dirs_exist_ok=True)
        target = self.target()
        return survey(target.spec, target.store)

    def bucket(self, server: str = "moto") -> str:
        """The URI of a fresh bucket, which the AWS variables reach."""
        uri = self.server(server).use(self.patch)
        self.uris[uri.removeprefix("s3://")] = "bucket"
        self.patch.setenv("GENAI_S3_PATIENCE", "0.5")
        self.patch.setenv("AWS_MAX_ATTEMPTS", "2")
        return uri

    def s3(self, server: str = "moto") -> Store:
        return open_store(self.bucket(server))


@dataclass(frozen=True)
class Outcome:
    """What a user sees of an error; `chain` is the error itself with all that it came from."""

    provocation: Provocation
    done: str
    message: str
    kind: str
    code: int
    chain: tuple[BaseException, ...]


def outcome(provocation: Provocation, scene: Scene) -> Outcome:
    """Carry it out. Fails where no error of ours comes of it."""
    if provocation.job is not None:
        scene.write("job.yaml", HEAD + (provocation.job or SMALL))
    scene.patch.chdir(scene.folder)
    try:
        provocation.provoke(scene)
    except GenaiError as error:
        told, kind, code = str(error), type(error).__name__.removeprefix("Unanswered") or "StoreError", error.exit_code
        chain = tuple(_chain(error))
    except click.ClickException as error:
        told, kind, code, chain = error.format_message(), "a usage error", error.exit_code, (error,)
    else:
        pytest.fail(f"{provocation.name}: no error came of it")
    done = provocation.done or f"`{scene.typed}`"
    return Outcome(provocation, normalised(done, scene), normalised(told, scene), kind, code, chain)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def normalised(text: str, scene: Scene) -> str:
    """The text with all that differs between machines, releases and runs made equal."""
    names = {str(scene.folder): "/path", str(scene.whole): "/path", ACCESS_KEY: "<the key>", SECRET_KEY: "<the secret>"}
    for found, shown in {**names, **scene.uris}.items():
        text = text.replace(found, shown)
    for pattern, shown in _EQUAL:
        text = re.sub(pattern, shown, text)
    return text


_EQUAL = (
    (r"\b[0-9a-f]{64}\b", "<sha256>"),
    (r"\b(?!0123456789abcdef)[0-9a-f]{16}\b", "<key>"),
    (r"(?<=-)(?!0123456789ab)[0-9a-f]{12}\b", "<id>"),
    (r"\b127\.0\.0\.1:\d+", "127.0.0.1:9000"),
    (r"(?<![\d.])\d+\.\d+\.\d+(?:\+\w+)?(?![\d.])", "<version>"),
    (rf"\b{re.escape(socket.gethostname())}\b", "<host>"),
    (rf"\b{os.getpid()}\b", "<pid>"),
    (r"tried \d+ times", "tried 6 times"),
    (r"command of [\d,]+ bytes", "command of 2,100 bytes"),
    (r"([ak])\1{40,}(?:/\1{40,})*", r"\1\1\1…"),
)
