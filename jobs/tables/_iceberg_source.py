"""An Iceberg table as a source of rows: `iceberg://CATALOGUE/NAMESPACE.TABLE`, or `…@SNAPSHOT`.

The catalogue, as PyIceberg is set up to reach it, is asked once, where a run begins, for the table's metadata file. It
never changes, so whoever is given its URI reads the same rows (`genai.sources.iceberg`), however the table goes on.
"""

from __future__ import annotations

import re

from genai.errors import InputError
from jobs.tables import _tried
from jobs.tables._iceberg_catalog import opened
from jobs.tables.iceberg import Iceberg

SCHEME = "iceberg://"
_URI = re.compile(r"iceberg://([^/@\s]+)/([^/@\s]+)(@[0-9]{1,19})?")


def located(uri: str) -> str:
    """The metadata file of a table, with the snapshot that was asked for; any other source as it is.

    Raises InputError where there is no such table, and as `Table.check` does.
    """
    if not uri.startswith(SCHEME):
        return uri
    match = _URI.fullmatch(uri)
    if match is None:
        raise InputError(
            f"{uri}: found no table in it; allowed: iceberg://CATALOGUE/NAMESPACE.TABLE, with @ and the number of a "
            "snapshot behind it for one that is not current"
        )
    table = Iceberg(match[2], match[1])
    return _tried(lambda: _metadata(table)) + (match[3] or "")


def _metadata(table: Iceberg) -> str:
    after = "nothing was read; when that is mended, the same command goes on"
    with opened(table.place, table.catalog, None, "", after) as catalog:
        found = table._find(catalog)  # noqa: SLF001  # of this package
        if found is None:
            raise InputError(f"{table.place}: there is no such table; allowed: one that the catalogue lists")
        return str(found.metadata_location)
