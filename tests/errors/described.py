"""What can be wrong with what a job says for its dataset's card, and with the keys of a signature."""

from __future__ import annotations

import subprocess
import sys

from tests.errors.job_file import RULES, _faulty
from tests.errors.provoked import Scene, provokes

SIGNING, CHECKING = "Running a job", "Verifying, repairing, collecting"
SIGNED = "sign: SIGNING_KEY\n"

_faulty(RULES, "license_misspelt", "A licence's identifier that is none", "", "data.license=CC-BY-SA-3")
_faulty(RULES, "license_unprintable", "A licence that is no line of text", "", 'data.license="\\n"')
_faulty(RULES, "credit_unprintable", "A credit that is no line of text", "", 'data.credit="a\\nb"')
_faulty(RULES, "homepage_no_page", "A page that has no address", "", "data.homepage=example.com/rows")
_faulty(RULES, "published_no_day", "A day of publication that is none", "card: {published: soon}\n")
_faulty(RULES, "sign_no_variable", "A key's path for the name of its variable", "sign: keys/private.pem\n")


def _openssl(scene: Scene, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=scene.folder, check=True, capture_output=True)


@provokes(SIGNING, "A key to sign with whose variable is not set", job=SIGNED)
def sign_unset(scene: Scene) -> None:
    scene.patch.delenv("SIGNING_KEY", raising=False)
    scene.genai("run", "job.yaml", "--crew", "local")


@provokes(SIGNING, "A key to sign with that is not there", job=SIGNED)
def sign_nowhere(scene: Scene) -> None:
    scene.patch.setenv("SIGNING_KEY", "private.pem")
    scene.genai("run", "job.yaml", "--crew", "local")


@provokes(SIGNING, "A key to sign with that has a password", job=SIGNED)
def sign_password(scene: Scene) -> None:
    _openssl(scene, "genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:x", "-out", "private.pem")
    scene.patch.setenv("SIGNING_KEY", "private.pem")
    scene.genai("run", "job.yaml", "--crew", "local")


@provokes(SIGNING, "A signature without the library that makes it", job=SIGNED)
def sign_library(scene: Scene) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "cryptography"]:
        scene.patch.delitem(sys.modules, name)
    scene.patch.setitem(sys.modules, "cryptography", None)
    scene.genai("run", "job.yaml", "--crew", "local")


@provokes(CHECKING, "A key to check with that is of another kind")
def verify_kind(scene: Scene) -> None:
    scene.finished()
    _openssl(scene, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "private.pem")
    _openssl(scene, "pkey", "-in", "private.pem", "-pubout", "-out", "public.pem")
    scene.genai("verify", "job.yaml", "--key", "public.pem")


@provokes(CHECKING, "The private key to check with")
def verify_private(scene: Scene) -> None:
    scene.finished()
    _openssl(scene, "genpkey", "-algorithm", "ed25519", "-out", "private.pem")
    scene.genai("verify", "job.yaml", "--key", "private.pem")


@provokes(CHECKING, "A key to check with that is none")
def verify_no_key(scene: Scene) -> None:
    scene.finished()
    scene.genai("verify", "job.yaml", "--key", "job.yaml")
