"""Starting a driver: `python -m workers JOB_URI` as a process of its own, its events relayed as they come.

So what runs here is what runs on a cluster, through one door. Ctrl-C and SIGTERM are passed on, a second one ends the
driver at once; the driver's own exit code is ours. It has a session of its own, since a terminal sends Ctrl-C to all of
one, and its standard input is a pipe that ends with this process, whatever ends it. What Ray prints goes to a file, of
which the end is shown when the driver died without a word.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from genai.errors import DeadlinePassed, GenaiError
from jobs import layout
from jobs.events import Event
from jobs.spec import JobSpec
from jobs.stop import forget
from jobs.stores import Store

LAST_WORDS = 4000  # characters


class Told:
    """Passes events on, and keeps the error that ended the run; that of an earlier start of it is forgotten."""

    def __init__(self, listener: Callable[[Event], None]) -> None:
        self._listener = listener
        self.error = ""

    def __call__(self, event: Event) -> None:
        if event.kind == "run_started":
            self.error = ""
        elif event.kind in ("run_failed", "run_incomplete"):
            self.error = str(event.fields["error"])
        self._listener(event)


def begin(store: Store, spec: JobSpec) -> str:
    """Leave the job file where its driver finds it, and forget a wish of before that it stops; its path or URI."""
    run = layout.run_id(spec)
    store.put(layout.run(run), spec.to_yaml().encode())
    forget(store, run)
    return store.locate(layout.run(run))


def drive(
    job_uri: str,
    crew: str,
    command: str,
    listener: Callable[[Event], None],
    *,
    lease: bool = True,
    timeout: float | None = None,
) -> int:
    """Run the driver of a written job file to its end, or for `timeout` seconds; its exit code."""
    line = [sys.executable, "-m", "workers", job_uri, "--crew", crew, "--command", command, "--with-parent"]
    line += [] if lease else ["--no-lease"]
    line += ["--timeout", str(timeout)] if timeout else []
    over, stopped_by = False, list[int]()
    with tempfile.TemporaryFile("w+") as words:
        with _started(line, words.fileno(), stopped_by) as process:
            assert process.stdout
            for text in process.stdout:
                event = Event.from_json(text)
                over = over or event.kind in ("run_done", "run_failed", "run_incomplete")
                listener(event)
        code = process.returncode
        if stopped_by and code == -signal.SIGKILL:  # as the second signal asked for
            return 128 + stopped_by[0]
        if not over and code not in (130, 143, DeadlinePassed.exit_code):
            words.seek(0)
            told = words.read()[-LAST_WORDS:].strip() or "(it said nothing)"
            raise GenaiError(
                f"the driver ended with {_ended(code)} before the run was over; everything finished is safe, the same "
                f"command goes on. Its last words:\n{told}"
            )
    return code if code >= 0 else 128 - code


@contextmanager
def _started(line: list[str], words: int, stopped_by: list[int]) -> Iterator[subprocess.Popen[str]]:
    """The driver, to which signals are passed on; `stopped_by` then holds the first."""
    process = subprocess.Popen(  # noqa: S603  # our own module
        line,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=words,
        text=True,
        start_new_session=True,
    )

    def pass_on(number: int, _frame: FrameType | None) -> None:
        stopped_by.append(number)  # first: another signal may come in here
        if len(stopped_by) > 1:
            process.kill()
        else:
            process.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield process
        process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if process.poll() is None:
            process.kill()
            process.wait()


def _ended(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"code {code}"
