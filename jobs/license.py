"""Licences by name: as SPDX writes them, and as the Hugging Face Hub does.

A licence is text. An SPDX identifier or expression gets SPDX's own spelling; what only the Hub knows (`llama3`) stays
as it is; anything else has to be words. A single word that neither knows is refused: it is a misspelt identifier more
often than not, and would be published as a licence of its own.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache
from typing import Annotated

from pydantic import AfterValidator, Field

from jobs.document import printable
from jobs.form import rule

NOT_STATED = "not stated"

#: of https://huggingface.co/docs/hub/repositories-licenses
_NAMES = """
apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0 bigcode-openrail-m
afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc cc0-1.0 cc-by-2.0 cc-by-2.5
cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0
cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0
cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0
lgpl lgpl-2.1 lgpl-3.0 isc h-research intel-research lppl-1.3c ms-pl apple-ascl apple-amlr mpl-2.0 odc-by odbl
openmdw-1.0 openrail++ osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib pddl lgpl-lr deepfloyd-if-license
fair-noncommercial-research-license llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 grok2-community gemma unknown
"""
_HUB = frozenset(_NAMES.split())
_FAMILIES = {"odc-by-1.0": "odc-by", "odbl-1.0": "odbl", "pddl-1.0": "pddl"}  # that the Hub knows without a version


def _said(text: str) -> str:
    text = text.strip()
    if not text or not text.isprintable():
        raise rule("found no line of text; allowed: an SPDX identifier such as CC-BY-SA-4.0, or words")
    if spdx := _spdx(text) or _spdx("-".join(text.split())):  # people write "CC BY-SA 4.0"
        return spdx
    if " " in text or text.lower() in _HUB:
        return text
    near = get_close_matches(text.lower(), sorted(_HUB), 1)
    hint = f" (did you mean {_spdx(near[0]) or near[0]}?)" if near else ""
    raise rule(
        f"found {printable(text)!r}, which is no licence's identifier{hint}; allowed: one of "
        "https://spdx.org/licenses, LicenseRef-NAME for one of your own, or words"
    )


License = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_said)]


@cache
def _spdx(text: str) -> str | None:
    """The identifier or expression in SPDX's spelling; None where it is none."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        return str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        return None


def hub(text: str | None) -> dict[str, str]:
    """What the front matter of a card says of a licence. `None`: nobody has stated it."""
    name = (text or "unknown").lower()
    for shorter in (name, _FAMILIES.get(name, name), re.sub(r"-(only|or-later)$", "", name)):
        if shorter in _HUB:
            return {"license": shorter}
    slug = re.sub(r"[^a-z0-9.]+", "-", name).strip("-.")
    return {"license": "other", "license_name": slug or "custom", "license_link": "LICENSE"}


def page(text: str | None) -> str:
    """Where SPDX has the licence's text; "" where it is none of SPDX's."""
    spdx = _spdx(text) if text else None
    plain = spdx and not re.search(r"[ ()]|^LicenseRef-", spdx)
    return f"https://spdx.org/licenses/{spdx.rstrip('+')}.html" if plain and spdx else ""
