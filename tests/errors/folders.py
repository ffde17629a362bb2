"""What can go wrong with a store: its name, its keys, a folder of this machine."""

from __future__ import annotations

import errno
import os

from jobs.stores import check_prefix, open_store
from jobs.stores.file import _translated
from tests.errors.provoked import HEAD, Scene, provokes

NAMES, FOLDER = "Stores: names and keys", "Stores: a folder"


@provokes(NAMES, "A scheme that is not known", job="")
def scheme_unknown(scene: Scene) -> None:
    scene.genai("run", "job.yaml", "--set", "output=gs://bucket/prefix")


@provokes(NAMES, "A path that is none", job="")
def path_none(scene: Scene) -> None:
    scene.genai("run", "job.yaml", "--set", 'output="a\\0b"')


@provokes(NAMES, "A file URI of another machine", job="")
def file_uri(scene: Scene) -> None:
    scene.genai("run", "job.yaml", "--set", "output=file://machine/folder")


@provokes(NAMES, "An s3 URI with more than a bucket", job="")
def s3_uri(scene: Scene) -> None:
    scene.genai("run", "job.yaml", "--set", "output=s3://key:secret@bucket/prefix")


@provokes(NAMES, "A memory store without a name", job="")
def memory_uri(scene: Scene) -> None:
    scene.genai("run", "job.yaml", "--set", "output=memory://")


@provokes(NAMES, "An object that is not there: memory", "`open_store('memory://name').get('a')`")
def memory_missing(scene: Scene) -> None:
    open_store("memory://errors").get("a")


@provokes(NAMES, "An object that is not there: a folder", "`open_store('/path').get('a')`")
def file_missing(scene: Scene) -> None:
    open_store(str(scene.folder)).get("a")


@provokes(NAMES, "A key that leads out", "`open_store('runs').get('../secrets')`")
def key_out(scene: Scene) -> None:
    open_store("runs").get("../secrets")


@provokes(NAMES, "A key that is too long", "`open_store('runs').get(…)` of a key of a thousand characters")
def key_long(scene: Scene) -> None:
    open_store("runs").get("k" * 1000)


@provokes(NAMES, "A key of the store's own", "`open_store('runs').get('.genai/probe')`")
def key_own(scene: Scene) -> None:
    open_store("runs").get(".genai/probe")


@provokes(NAMES, "A key with a backslash", r"`open_store('runs').get('a\\b')`")
def key_backslash(scene: Scene) -> None:
    open_store("runs").get("a\\b")


@provokes(NAMES, "A prefix that no key starts with", "`open_store('runs').list('/a')`")
def prefix_odd(scene: Scene) -> None:
    check_prefix("/a")


@provokes(FOLDER, "A file where the folder should be", job="")
def folder_file(scene: Scene) -> None:
    scene.write("runs", "a file")
    scene.genai("run", "job.yaml")


@provokes(FOLDER, "A folder that cannot be made", "`genai run job.yaml` with `output: /proc/runs`", job="")
def folder_nowhere(scene: Scene) -> None:
    open_store("/proc/runs").put("a", b"1")


@provokes(FOLDER, "A folder where the file should be", "Something made a folder of an object's name")
def file_folder(scene: Scene) -> None:
    scene.write("runs/a/b", "1")
    open_store("runs").put("a", b"1")


@provokes(
    FOLDER, "A path too long for the file system", "`genai run job.yaml` with an output of 5,000 characters", job=""
)  # fmt: skip
def folder_long(scene: Scene) -> None:
    (scene.folder / "job.yaml").write_text(
        f"{HEAD}output: {'/'.join(['a' * 250] * 20)}\n".replace("output: runs\n", "")
    )
    scene.genai("run", "job.yaml")


@provokes(FOLDER, "Links that go in a circle", job="")
def folder_circle(scene: Scene) -> None:
    (scene.folder / "runs").symlink_to("runs")
    scene.genai("plan", "job.yaml")


@provokes(FOLDER, "A link that leads out of the folder", "The folder `runs/digits` has a link to `/elsewhere`")
def folder_link(scene: Scene) -> None:
    (scene.folder / "elsewhere").mkdir()
    (scene.folder / "runs").mkdir()
    (scene.folder / "runs/digits").symlink_to(scene.folder / "elsewhere")
    open_store("runs").put("digits/a", b"1")


def _system(number: int, name: str, title: str, hint: str = "", *, written: bool = False) -> None:
    """What the system answers: as root, on one file system, a test cannot bring all of these about."""

    def provoke(scene: Scene) -> None:
        if written:
            open_store("runs").put("a", b"1")
        with _translated(scene.folder / "runs/digits"):
            raise OSError(number, os.strerror(number))

    provoke.__name__ = name
    done = f"Any command, and the system answers {errno.errorcode[number]}" + " half way" * written
    provokes(FOLDER, title, done, hint=hint)(provoke)


_system(errno.EACCES, "system_permission", "No permission")
_system(errno.EPERM, "system_links", "A file system without hard links")
_system(errno.EROFS, "system_read_only", "A file system that is read-only")
_system(errno.EROFS, "system_became_read_only", "A file system that has become read-only", written=True)
_system(errno.EOPNOTSUPP, "system_unable", "A file system that cannot do this")
_system(errno.ENOSPC, "system_full", "A disk that is full", "What was finished stays; the same command goes on.")
_system(errno.EDQUOT, "system_quota", "A quota that is used up")
_system(errno.EFBIG, "system_limit", "A file larger than the system allows")
_system(errno.EIO, "system_broken", "A disk that fails")
_system(errno.EMFILE, "system_files", "Too many open files of this process")
_system(errno.ENFILE, "system_all_files", "Too many open files of the machine")
_system(errno.ESTALE, "system_network", "A network file system that lost its server")
_system(errno.EBUSY, "system_busy", "Anything else that the system answers")


@provokes(FOLDER, "A folder that goes under the writer", "Another program removes the folder again and again")
def folder_goes(scene: Scene) -> None:
    def name() -> None:
        raise FileNotFoundError

    store = open_store("runs")
    store._named(scene.folder / "runs/a/b", name)
