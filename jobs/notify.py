"""Who is told of a run: the part `notify` of a job.

It changes nothing of a result, so it takes part in no digest and in no key. A copy of the job lies beside the run, so
nothing here may be a secret: that is named by the environment variable that holds it.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from jobs.form import Part, rule

__all__ = ["Notify", "Webhook", "is_web_url"]


def is_web_url(url: str) -> bool:
    """Whether a POST can be sent there."""
    try:
        parts = urlsplit(url)
        return bool(re.fullmatch(r"[!-~]+", url) and parts.scheme in ("http", "https") and parts.hostname) and (
            parts.port is None or parts.port > 0
        )
    except ValueError:  # of the port, or of brackets
        return False


def _public(url: str | None) -> str | None:
    """None of these messages repeats the URL, which may hold a key where it should not."""
    if url is None:
        return None
    if not is_web_url(url):
        raise rule("found no URL that a POST can be sent to; allowed: http://… or https://…")
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.query or parts.fragment:
        found = "a user or password" if "@" in parts.netloc else "a query or fragment"
        raise rule(
            f"found {found} in the URL, which the job's copy would keep; allowed: a URL without, or notify.webhook."
            "url_env: the name of an environment variable that holds the whole URL"
        )
    return url


def _variable(name: str | None) -> str | None:
    if name is not None and not re.fullmatch(
        r"[A-Za-z_][A-Za-z0-9_]*", name
    ):  # perhaps the secret itself, so it is not repeated
        raise rule("found no name of an environment variable; allowed: letters, digits and _, such as GENAI_SECRET")
    return name


Variable = Annotated[str | None, AfterValidator(_variable)]


class Webhook(Part):
    """A POST with the run's result. A secret and a private URL stay in the driver's environment."""

    url: Annotated[str | None, AfterValidator(_public)] = Field(None, description="Where to: http:// or https://.")
    url_env: Variable = Field(None, description="Or the variable that holds the URL, which may have keys in it.")
    secret_env: Variable = Field(None, description="The variable that holds the key of the signature.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.url is None) == (self.url_env is None):
            found = "neither" if self.url is None else "both"
            text = f"found {found} of url and url_env; allowed: one of the two"
            raise rule(text, "notify.webhook", "notify.webhook.url", "notify.webhook.url_env")
        return self


def _short(value: Any) -> Any:
    return {"url": value} if isinstance(value, str) else value


class Notify(Part):
    """Who is told of a run; none of them can fail or delay it."""

    webhook: Annotated[
        Annotated[Webhook, Tag("Webhook")] | Annotated[None, Tag("None")],
        Discriminator(lambda value: "None" if value is None else "Webhook"),
        BeforeValidator(_short, json_schema_input_type=str | Webhook | None),
    ] = Field(None, description="A POST when a run is done, incomplete or failed; or only its URL.")
    openlineage: bool = Field(default=False, description="Lineage events, by OpenLineage's own settings.")
    tensorboard: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="Folder or URI for TensorBoard's curves; each run has a folder below it."
    )
