r"""A crontab.

cron gives a command no terminal, PATH=/usr/bin:/bin and the home as its folder, makes a line break of `%` where it is
not `\%`, and refuses a line above 998 bytes. Debian's goes by the clock of the machine and knows no other.
"""

from __future__ import annotations

import shlex

from genai.errors import InputError
from jobs.document import printable
from jobs.schedule import Schedule

TAKES = frozenset({"crew", "genai", "log"})
_LONGEST = 998  # bytes of a command


def render(schedule: Schedule) -> dict[str, str]:
    """One file. Raises InputError for what a crontab cannot hold."""
    log = schedule.log or f"{schedule.folder}/{schedule.job.name}.log"
    command = f"{schedule.script(schedule.today)} >> {shlex.quote(log)} 2>&1"
    odd = next((word for word in shlex.split(command) if "\\" in word), None)
    if odd is not None:
        raise InputError(
            f"{printable(odd)}: found a backslash, which crons read differently; allowed: text without one"
        )
    line = command.replace("%", r"\%")
    if len(line.encode()) > _LONGEST:
        raise InputError(f"found a command of {len(line.encode()):,} bytes; allowed: {_LONGEST}, all that cron takes")
    name = f"genai-{schedule.job.name}.crontab"
    return {name: f"""\
# {schedule.job.name}, by genai schedule. To install it beside what you have: (crontab -l; cat {name}) | crontab -
# The hours are UTC on a machine whose clock is: Debian's cron goes by /etc/localtime and passes CRON_TZ over.
SHELL=/bin/sh
CRON_TZ=UTC
{schedule.ticks.text} {line}
"""}  # fmt: skip
