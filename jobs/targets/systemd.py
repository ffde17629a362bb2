"""A service and its timer, for systemd.

A night that was missed, because the machine was off, is made up for once when it is on again (Persistent). SIGTERM goes
to genai alone (KillMode), which passes it on and needs ten seconds to end in order.
"""

from __future__ import annotations

from collections.abc import Iterator

from jobs.cron import Cron
from jobs.schedule import Schedule

TAKES = frozenset({"crew", "genai"})
_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")


def render(schedule: Schedule) -> dict[str, str]:
    """Two files."""
    name = f"genai-{schedule.job.name}"
    calendar = "\n".join(f"OnCalendar={line}" for line in _calendar(schedule.ticks))
    return {
        f"{name}.service": f"""\
# {schedule.job.name}, by genai schedule. To install it: cp {name}.* /etc/systemd/system/ && systemctl daemon-reload &&
# systemctl enable --now {name}.timer (for a user alone: ~/.config/systemd/user/ and systemctl --user)
[Unit]
Description=genai {schedule.job.name}
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart=/bin/sh -c {_quoted(schedule.script(schedule.today))}
# another run is at work on the same
SuccessExitStatus=75
KillMode=mixed
KillSignal=SIGTERM
TimeoutStopSec=60
""",
        f"{name}.timer": f"""\
# {schedule.job.name}, by genai schedule
[Unit]
Description=genai {schedule.job.name}: {schedule.ticks.text} UTC

[Timer]
{calendar}
AccuracySec=1s
Persistent=true

[Install]
WantedBy=timers.target
""",
    }


def _calendar(cron: Cron) -> Iterator[str]:
    """The same times as systemd says them, one after another where either kind of day is enough."""
    days, weekdays = _list(cron.days, 31), ",".join(_DAYS[day] for day in cron.weekdays)
    time = f"{_list(cron.hours, 24)}:{_list(cron.minutes, 60)}:00 UTC"
    months = _list(cron.months, 12)
    if cron.either:
        yield f"*-{months}-{days} {time}"
    on_days = days if not cron.either else "*"
    yield f"{f'{weekdays} ' if len(cron.weekdays) < 7 else ''}*-{months}-{on_days} {time}"


def _list(values: tuple[int, ...], full: int) -> str:
    return "*" if len(values) == full else ",".join(f"{value:02}" for value in values)


def _quoted(text: str) -> str:
    """One word of a command line of systemd, as it stands."""
    for letter in '\\"':
        text = text.replace(letter, f"\\{letter}")
    return f'"{text.replace("%", "%%").replace("$", "$$")}"'
