"""An Iceberg catalogue as PyIceberg reaches it, and the one door through which its errors become ours.

- Properties are those of PyIceberg (`~/.pyiceberg.yaml`, PYICEBERG_CATALOG__NAME__…), and over them the job's, which
  may be no secrets. S3 is reached as our store reaches it, where PyIceberg is told nothing else.
- Its catalogues have no time-outs; here each call has `SECONDS`.
- A database that is locked, or whose tables another process has just made, is asked again; so is one that is down.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from genai.errors import GenaiError, InputError, StoreError, StoreRefused
from jobs.tables import Raced
from jobs.tables._errors import need, said, within

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

SECONDS = 60.0  # for an answer of the catalogue
FAULTS = 3  # tries of a database that fails

_SECRET = re.compile(
    r"(?i)secret|token|passw|credential|access-key|account-key|api-?key|sas|connection-string|authorization|cookie"
)
_IN_VALUE = re.compile(r"(?i)://[^/\s@]*:[^/\s]*@|(?:passw\w*|pwd|secret|token)=")
_KEYS = ("access-key-id", "secret-access-key", "session-token", "role-arn", "profile-name", "anonymous", "signer")


def secret_in(properties: Mapping[str, str]) -> str | None:
    """The first property that is a secret, or holds one."""
    return next((name for name, value in properties.items() if _SECRET.search(name) or _IN_VALUE.search(value)), None)


@contextmanager
def opened(place: str, name: str, own: Mapping[str, str] | None, dataset: str, after: str) -> Iterator[Catalog]:
    """The catalogue, for datasets that lie at the URI `dataset`; within, its errors are ours, and say `after`. `own`
    are properties of the job, None where it has no field for them.

    Raises InputError where it is not known or not installed, StoreRefused where it does not let us in, Raced where it
    has to be asked again, and StoreError where it does not answer.
    """
    need("pyiceberg", "iceberg", place)
    secrets: list[str] = []
    with _quiet(), _door(place, after, secrets):
        from pyiceberg.catalog import load_catalog
        from pyiceberg.utils.config import Config

        try:
            conf = {**(Config().get_catalog_config(name) or {}), **(own or {})}
            if not {"uri", "type", "py-catalog-impl"} & set(conf):
                raise InputError(_unknown(place, name, own))
            conf = {**_s3(conf, dataset), **conf}
            secrets += [str(value) for key, value in conf.items() if secret_in({key: str(value)})]
            catalog = within(SECONDS, lambda: load_catalog(name, **conf))  # type: ignore[arg-type]  # it takes more
        except ValueError as error:
            if type(error) is not ValueError:  # what a server says, not what it was told
                raise
            told = said(error, secrets).partition(" with the following prop")[0]  # all of them follow
            raise InputError(_unknown(place, name, own, f" ({told})")) from None
        with closing(catalog):
            yield catalog


def _unknown(place: str, name: str, own: Mapping[str, str] | None, why: str = "") -> str:
    variable = f"PYICEBERG_CATALOG__{re.sub(r'[^A-Z0-9]', '_', name.upper())}__URI in the environment"
    ways = ["~/.pyiceberg.yaml", variable, *(["`properties: {type: …, uri: …}`"] if own is not None else [])]
    return (
        f"{place}: no catalogue {name!r} is set up that PyIceberg can open{why}; allowed: {', '.join(ways[:-1])} or "
        f"{ways[-1]}, with one of PyIceberg's types, such as rest, sql, hive, glue"
    )


def _s3(conf: Mapping[str, Any], dataset: str) -> dict[str, str]:
    """How S3 is reached, where it may be needed and `conf` does not say."""
    texts = [str(conf.get("warehouse") or ""), dataset]
    found = next((text for text in texts if text.startswith("s3://")), "")
    database = conf.get("type") == "sql" or (
        "type" not in conf and not re.match("https?:|thrift:", str(conf.get("uri")))
    )
    if database and not found:
        return {}
    from jobs.stores.credentials import access

    reached = access(found.removeprefix("s3://").partition("/")[0] or "bucket")
    keyed = any(f"{start}.{key}" in conf for start in ("s3", "client") for key in _KEYS)
    keys = {"access-key-id": reached.key, "secret-access-key": reached.secret, "session-token": reached.token}
    rest = {
        "endpoint": reached.endpoint, "region": reached.region,
        "connect-timeout": f"{reached.patience.connect:g}", "request-timeout": f"{reached.patience.idle:g}",
    }  # fmt: skip
    told = {**rest, **({} if keyed else keys)}
    return {f"s3.{key}": value for key, value in told.items() if value and f"client.{key}" not in conf}


@contextmanager
def _quiet() -> Iterator[None]:
    """PyIceberg warns of columns without statistics, two lines for each part; ours have none for images, on purpose."""
    logger = logging.getLogger("pyiceberg")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _door(place: str, after: str, secrets: list[str]) -> Iterator[None]:
    try:
        yield
    except (GenaiError, Raced):
        raise
    except Exception as error:  # noqa: BLE001  # raised again
        # all that PyIceberg and what is below it may raise; what is none of theirs comes out as it was
        raise _ours(error, place, after, said(error, secrets)) from None


def _ours(error: Exception, place: str, after: str, told: str) -> Exception:
    """Our error for a foreign one, by the first of its kinds; one that is no library's and none of the world stays."""
    named = {f"{kind.__module__}.{kind.__name__}" for kind in type(error).__mro__}
    kind = next((kind for kind, names in _KINDS.items() if names & named), None)
    if kind is None and type(error).__module__.partition(".")[0] in ("builtins", "genai", "jobs"):
        return error
    told = type(error).__name__ if kind == "settings" else told  # it quotes the file, in which keys stand
    made, text, advice = _WORDS[kind or "world"]
    return made(f"{place}: {text} ({told}){advice}; {after}")


_WORDS: dict[str, tuple[Callable[[str], Exception], str, str]] = {
    "overtaken": (Raced, "somebody else's commit came first", ""),
    "database": (partial(Raced, tries=FAULTS), "its catalogue cannot be reached", ""),
    "missing": (InputError, "a library that its catalogue needs is not installed", ""),
    "refused": (StoreRefused, "its catalogue does not let us in", ": check the keys that PyIceberg has"),
    "setting": (InputError, "its catalogue cannot be opened", ": check its uri and its other properties"),
    "settings": (InputError, "PyIceberg cannot read its settings", ": check ~/.pyiceberg.yaml"),
    "world": (StoreError, "it cannot be reached", ""),
}
_P = "pyiceberg.exceptions."
_KINDS = {
    "overtaken": {
        f"{_P}CommitFailedException", f"{_P}CommitStateUnknownException", f"{_P}TableAlreadyExistsError",
        f"{_P}NamespaceAlreadyExistsError", f"{_P}WaitingForLockException",
    },
    "database": {"sqlalchemy.exc.DBAPIError"},
    "missing": {f"{_P}NotInstalledError", "builtins.ImportError"},
    "refused": {f"{_P}UnauthorizedError", f"{_P}ForbiddenError", f"{_P}OAuthError"},
    "setting": {f"{_P}NoSuchPropertyException", "sqlalchemy.exc.ArgumentError", "botocore.exceptions.NoRegionError"},
    "settings": {"strictyaml.exceptions.StrictYAMLError", "strictyaml.ruamel.error.YAMLError"},
    "world": {
        "builtins.OSError", "builtins.ValueError", "builtins.KeyError", "builtins.TypeError",
        "builtins.NotImplementedError",
    },
}  # fmt: skip
