"""Who is told: no part of what a run makes, and no place for a secret."""

import jsonschema
import pytest

from genai.errors import SpecError
from jobs import layout
from jobs.schema import json_schema
from jobs.spec import load

HEAD = 'name: digits\noutput: runs\ndata: {source: "sklearn://digits"}\n'
GOOD = [
    "webhook: https://host/hook",
    "webhook: {url: 'http://[::1]:8080/hook', secret_env: KEY}",
    "webhook: {url_env: HOOK}",
    "openlineage: true",
    "tensorboard: curves",
    "webhook: null, tensorboard: null",
]


def job(notify):
    return load("job.yaml", f"{HEAD}notify: {{{notify}}}\n")


@pytest.mark.parametrize("notify", GOOD)
def test_who_is_told_changes_no_digest_and_no_key(notify):
    """The same run, which is not done again because somebody else hears of it."""
    plain, told = load("job.yaml", HEAD), job(notify)

    assert told.digest == plain.digest
    assert layout.run_id(told) == layout.run_id(plain)
    assert layout.prepare_key(told, [1]) == layout.prepare_key(plain, [1])
    assert layout.train_key(told, "x") == layout.train_key(plain, "x")
    assert layout.generate_key(told, "x", (1,)) == layout.generate_key(plain, "x", (1,))


@pytest.mark.parametrize("notify", GOOD)
def test_it_is_read_back_and_fits_the_schema(notify):
    """From the copy of the job that lies beside the run, where a driver finds it."""
    told = job(notify).anchored()

    assert load("job.yaml", told.to_yaml()).notify == told.notify
    jsonschema.validate({"name": "x", "output": "x", "data": {"source": "x"}, **as_document(notify)}, json_schema())


def as_document(notify):
    from jobs.document import read

    return read("n.yaml", f"notify: {{{notify}}}").values


def test_nobody_is_told_by_default():
    """Nothing is switched on by an environment."""
    spec = load("job.yaml", HEAD)
    assert [getattr(spec.notify, name) for name in type(spec.notify).model_fields] == [None, False, None]


def test_a_folder_for_curves_is_the_users_own(tmp_path, monkeypatch):
    """A driver has another folder to stand in; a URI stays as it is."""
    monkeypatch.chdir(tmp_path)
    assert job("tensorboard: curves").anchored().notify.tensorboard == str(tmp_path / "curves")
    assert job("tensorboard: s3://bucket/curves").anchored().notify.tensorboard == "s3://bucket/curves"


@pytest.mark.parametrize(
    ("notify", "told"),
    [
        ("webhook: ftp://host/canary", "notify.webhook: found no URL that a POST can be sent to; allowed: http://…"),
        ("webhook: {url: 'canary host'}", "notify.webhook.url: found no URL"),
        ("webhook: {url: 'http://h:canary'}", "notify.webhook.url: found no URL"),
        ("webhook: 'https://user:canary@host/'", "notify.webhook: found a user or password in the URL"),
        ("webhook: {url: 'https://canary@host/'}", "notify.webhook.url: found a user or password in the URL"),
        ("webhook: 'https://host/?token=canary'", "notify.webhook: found a query or fragment in the URL"),
        ("webhook: 'https://host/#canary'", "notify.webhook: found a query or fragment in the URL"),
        ("webhook: {secret_env: KEY}", "notify.webhook: found neither of url and url_env; allowed: one of the two"),
        ("webhook: {url: 'https://host', url_env: HOOK}", "notify.webhook: found both of url and url_env"),
        ("webhook: {url_env: HOOK, secret_env: 'my canary!'}", "notify.webhook.secret_env: found no name of an env"),
        ("webhook: {url_env: 'https://canary'}", "notify.webhook.url_env: found no name of an environment variable"),
        ("webhook: {url: 7}", "notify.webhook.url: found 7 (quote it, if it is a name); allowed: text"),
        ("webhook: [canary]", "notify.webhook: found a list of 1; allowed: a mapping"),
        ("webhook: {url: 'https://host', secret: canary}", "notify.webhook.secret: found an unknown key, did you mean"),
        ("openlineage: 'yes'", "notify.openlineage: found 'yes'; allowed: true or false"),
        ("tensorboard: ''", "notify.tensorboard: found ''"),
        ("slack: 'https://canary'", "notify.slack: found an unknown key; allowed: webhook, openlineage, tensorboard"),
    ],
)
def test_a_fault_is_told_once_and_repeats_nothing_private(notify, told):
    """The field, what was found, what is allowed; never a URL or a name that may be the secret itself."""
    with pytest.raises(SpecError) as caught:
        job(notify)
    (fault,) = caught.value.faults

    assert fault.partition(": ")[2].startswith(told)
    assert "canary" not in fault
