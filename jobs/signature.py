"""The detached signature of a manifest: `manifest.json.sig`, 64 bytes of Ed25519 over the manifest's bytes.

A manifest has the SHA-256 of every part, so one signature covers the dataset; a larger one has another manifest, and is
signed again. Raw bytes and a plain algorithm, so that OpenSSL checks it without us (docs/card.md). Ed25519 draws no
random number: equal manifests have equal signatures.

The job names the environment variable that holds the private key's path (`sign: GENAI_SIGNING_KEY`), as it names that
of a webhook's secret. Neither the key nor its path is in anything that is written or told.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from genai.errors import InputError, NotFound
from jobs import layout
from jobs.ledger import Manifest
from jobs.spec import JobSpec
from jobs.stores import Store

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SIGNATURE = "manifest.json.sig"
BYTES = 64
_KEY_BYTES = 1 << 16  # of a PEM file; one of ours has about 120

Sign = Callable[[bytes], bytes]
State = Literal["valid", "invalid", "missing"]


def signer(spec: JobSpec) -> Sign | None:
    """What signs the manifests of a job; None where it does not ask for that. Raises InputError where the key is not
    there, or none.
    """
    if spec.sign is None:
        return None
    _check_installed()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    place = f"sign: the environment variable {spec.sign}"
    path = os.environ.get(spec.sign, "")
    if not path:
        raise InputError(
            f"{place} is not set, or empty; set it to the path of the private key where the run is started"
        )
    key = _loaded(f"{place} names", path, private=True)
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(f"{place} names {_kind(key)}", private=True)
    return key.sign


def public_key(path: str) -> Ed25519PublicKey:
    """The key to check with. Raises InputError where the file is none."""
    _check_installed()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key = _loaded(f"--key {path}: found", path, private=False)
    if not isinstance(key, Ed25519PublicKey):
        raise _no_key(f"--key {path}: found {_kind(key)}", private=False)
    return key


def check(store: Store, manifest: Manifest, key: Ed25519PublicKey) -> State:
    """Whether the signature that lies beside a manifest is that of the key's owner over this manifest."""
    from cryptography.exceptions import InvalidSignature

    try:
        with store.open(layout.dataset(manifest.key, SIGNATURE)) as file:
            found = file.read(BYTES + 1)
    except NotFound:
        return "missing"
    try:
        key.verify(found, manifest.to_json())
    except InvalidSignature:
        return "invalid"
    return "valid"


def _check_installed() -> None:
    if find_spec("cryptography") is None:
        raise InputError("cryptography is not installed, which signs and checks; pip install 'genai-jobs[sign]'")


def _loaded(found: str, path: str, *, private: bool) -> Any:
    """The key in a PEM file. What is told of it says nothing of its content."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

    try:
        with Path(path).open("rb") as file:
            data = file.read(_KEY_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no path"
        raise _no_key(f"{found} a file that cannot be read ({why})", private=private) from None
    try:
        return load_pem_private_key(data, None) if private else load_pem_public_key(data)
    except TypeError:
        raise _no_key(f"{found} a key that needs a password", private=private) from None
    except (ValueError, UnsupportedAlgorithm):
        what = "a private key" if b"PRIVATE KEY-----" in data and not private else "no key"
        raise _no_key(f"{found} {what}", private=private) from None


def _kind(key: object) -> str:
    name = type(key).__name__.removeprefix("_").removesuffix("PrivateKey").removesuffix("PublicKey")
    return f"a key of {name}"


def _no_key(found: str, *, private: bool) -> InputError:
    how = "openssl genpkey -algorithm ed25519 -out private.pem"
    if not private:
        how = "openssl pkey -in private.pem -pubout -out public.pem"
    kind = "private key, without a password" if private else "public key"
    return InputError(f"{found}; allowed: a PEM file with an Ed25519 {kind}, as `{how}` makes it")
