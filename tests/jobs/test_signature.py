"""The signature of a manifest: made by a run, checked by `genai verify --key`, and by OpenSSL, which knows us not."""

import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as elliptic
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from genai.errors import InputError
from jobs import ledger, submit
from jobs.cli import main
from jobs.describe import describe
from jobs.signature import SIGNATURE, check, public_key, signer
from jobs.spec import SpecError
from tests.jobs.described import again, dataset, folder
from tests.jobs.scripted import job

SIGN = "sign=THE_KEY"


def private(key, encryption=None):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


def public(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture
def keys(tmp_path, monkeypatch):
    """A folder with a pair of keys; the private one's path is in the variable that jobs name."""
    key = Ed25519PrivateKey.generate()
    (tmp_path / "private.pem").write_bytes(private(key))
    (tmp_path / "public.pem").write_bytes(public(key))
    monkeypatch.setenv("THE_KEY", str(tmp_path / "private.pem"))
    return tmp_path


@pytest.fixture
def signed(keys):
    """A dataset whose manifest is signed."""
    return dataset(keys / "runs", SIGN)


def state(found, key):
    return check(found.store, ledger.sealed(found.store, found.dataset_key), public_key(str(key)))


def verified(found, *words):
    """`genai verify` of a dataset: its exit code, and what it says."""
    done = CliRunner().invoke(main, ["verify", str(folder(found)), *map(str, words)])
    return done.exit_code, done.output


def test_a_signed_dataset_is_known_as_such(signed, keys):
    """The command says so, in words and for programs."""
    code, told = verified(signed, "--key", keys / "public.pem", "--deep")
    assert (code, "signature valid" in told) == (0, True)
    code, told = verified(signed, "--key", keys / "public.pem", "--json")
    assert (code, '"signature": "valid"' in told) == (0, True)
    assert verified(signed, "--json")[1].count('"signature": null') == 1


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl")
def test_openssl_says_the_same(signed, keys):
    """By one command, as the dataset's card shows it; of another manifest it says no."""
    line = (folder(signed) / "README.md").read_text().split("```sh\n")[1].split("\n")[0]
    shutil.copy(keys / "public.pem", folder(signed))
    done = subprocess.run(line.split(), cwd=folder(signed), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, "Signature Verified Successfully")
    with (folder(signed) / "manifest.json").open("a") as manifest:
        manifest.write(" ")
    assert subprocess.run(line.split(), cwd=folder(signed), capture_output=True, timeout=60).returncode == 1


def forged(found):
    """A manifest that is whole in itself: other digests, sealed anew."""
    before = ledger.sealed(found.store, found.dataset_key)
    path = folder(found) / "manifest.json"
    path.unlink()
    ledger.seal(found.store, replace(before, seed=1))


STRIKES = {
    "gone": lambda path, found: path.unlink(),
    "cut off": lambda path, found: path.write_bytes(path.read_bytes()[:-1]),
    "longer": lambda path, found: path.write_bytes(path.read_bytes() + b"\n"),
    "one bit": lambda path, found: path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:]),
    "empty": lambda path, found: path.write_bytes(b""),
    "another manifest": lambda path, found: forged(found),
}


@pytest.mark.parametrize("strike", STRIKES)
def test_what_is_not_signed_is_a_problem(signed, keys, strike):
    """Exit code 1, and the signature is named, not to be repaired; without a key nobody asks for it."""
    STRIKES[strike](folder(signed) / SIGNATURE, signed)
    code, told = verified(signed, "--key", keys / "public.pem")
    assert (code, f"{SIGNATURE}: {'not there' if strike == 'gone' else 'not of this key'}" in told) == (1, True)
    assert "genai repair" not in told
    assert verified(signed)[0] == 0


def test_another_owner_is_not_this_one(signed, keys):
    """A key of the right kind that is not the signer's."""
    (keys / "other.pem").write_bytes(public(Ed25519PrivateKey.generate()))
    code, told = verified(signed, "--key", keys / "other.pem")
    assert (code, "not of this key" in told) == (1, True)


def test_a_part_that_was_changed_is_found_through_the_manifest(signed, keys):
    """The signature is of the manifest, and `--deep` compares the parts with it."""
    part = next((folder(signed) / "data").iterdir())
    part.write_bytes(part.read_bytes()[:-1] + b"\0")
    code, told = verified(signed, "--key", keys / "public.pem", "--deep")
    assert (code, f"{part.name}: its SHA-256 is" in told) == (1, True)


def test_a_manifest_that_was_changed_is_nothing_to_repair_by(signed, keys):
    """Where it is not as it was signed, nobody is told to make the dataset as it says."""
    path = folder(signed) / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"seed": 0', b'"seed": 1'))
    code, told = verified(signed, "--key", keys / "public.pem")
    assert (code, "2 problem(s)" in told, "genai repair" in told) == (1, True, False)
    assert "genai repair" in verified(signed)[1]


def test_a_larger_dataset_is_signed_again(signed, keys):
    """Until then the old signature is not of the new manifest."""
    before = (folder(signed) / SIGNATURE).read_bytes()
    larger = dataset(keys / "runs", SIGN, "generate.count=60")
    after = (folder(larger) / SIGNATURE).read_bytes()
    assert (folder(larger), before != after) == (folder(signed), True)
    assert state(larger, keys / "public.pem") == "valid"
    (folder(larger) / SIGNATURE).write_bytes(before)
    assert state(larger, keys / "public.pem") == "invalid"
    assert describe(larger) == [SIGNATURE]
    assert (folder(larger) / SIGNATURE).read_bytes() == after


def test_a_run_without_a_key_leaves_the_signature_of_another(signed, keys):
    """It is over the same manifest, whoever looks."""
    describe(again(signed))
    assert state(signed, keys / "public.pem") == "valid"


def test_the_key_is_in_nothing_that_is_written(signed, keys):
    """Neither itself nor where it lies."""
    secret = (keys / "private.pem").read_bytes().split(b"\n")[1]
    for path in (keys / "runs").rglob("*"):
        assert not path.is_file() or not any(word in path.read_bytes() for word in (secret, b"private.pem"))


BAD_KEYS = {
    "none": (b"no key", "names no key"),
    "empty": (b"", "names no key"),
    "cut off": (private(Ed25519PrivateKey.generate())[:60], "names no key"),
    "with a password": (private(Ed25519PrivateKey.generate(), BestAvailableEncryption(b"x")), "needs a password"),
    "an elliptic one": (private(elliptic(SECP256R1())), "a key of EC"),
    "a longer one": (private(Ed448PrivateKey.generate()), "a key of Ed448"),
    "a public one": (public(Ed25519PrivateKey.generate()), "names no key"),
    "a large file": (b"-" * 10**6, "names no key"),
}


@pytest.mark.parametrize("bad", BAD_KEYS)
def test_a_private_key_that_is_none_is_refused(keys, bad):
    """Before anything is done, by the variable's name, and without a word of the key or its path."""
    data, found = BAD_KEYS[bad]
    (keys / "private.pem").write_bytes(data)
    with pytest.raises(InputError, match=found) as caught:
        signer(job(SIGN))
    assert "THE_KEY" in str(caught.value)
    assert "private.pem`" in str(caught.value)  # how to make one
    assert str(keys) not in str(caught.value)


@pytest.mark.parametrize("path", [None, "", "nowhere.pem", "."])
def test_a_variable_that_leads_nowhere_is_refused(keys, monkeypatch, path):
    """Not set, empty, or of no file."""
    monkeypatch.chdir(keys)
    monkeypatch.delenv("THE_KEY")
    if path is not None:
        monkeypatch.setenv("THE_KEY", path)
    with pytest.raises(InputError, match=r"the environment variable THE_KEY (is not set|names a file that cannot)"):
        describe(dataset(keys / "runs", SIGN))


def test_a_key_that_only_the_cluster_has_is_not_missed_where_a_complete_dataset_is_submitted(signed, monkeypatch):
    """Nothing is written, and its signature stays."""
    monkeypatch.delenv("THE_KEY")
    (folder(signed) / "README.md").unlink()
    submit(signed.spec, "http://127.0.0.1:9")

    assert not (folder(signed) / "README.md").exists()
    assert state(signed, folder(signed).parents[3] / "public.pem") == "valid"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"no key", "found no key"),
        (private(Ed25519PrivateKey.generate()), "found a private key"),
        (public(Ed448PrivateKey.generate()), "found a key of Ed448"),
        (None, "found a file that cannot be read"),
    ],
)
def test_a_public_key_that_is_none_is_refused(signed, keys, data, found):
    """Exit code 2, and how to make one."""
    if data:
        (keys / "bad.pem").write_bytes(data)
    code, told = verified(signed, "--key", keys / "bad.pem")
    assert (code, found in told, "openssl pkey -in private.pem -pubout" in told) == (2, True, True)


def test_a_path_for_the_name_of_a_variable_is_refused():
    """And not repeated: it may be the key itself."""
    with pytest.raises(SpecError, match="sign: found no name of an environment variable") as caught:
        job("sign=/home/me/private.pem")
    assert "/home/me" not in str(caught.value).partition(": sign:")[2]


def test_without_the_library_nothing_is_signed_or_checked(signed, keys, monkeypatch):
    """It is an extra, and the message says which."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "cryptography"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(InputError, match=r"pip install 'genai-jobs\[sign\]'"):
        signer(job(SIGN))
    assert verified(signed, "--key", keys / "public.pem")[0] == 2
