"""Schedules to render, and names as wild as a file system allows."""

from dataclasses import replace

from hypothesis import strategies as st

from jobs.cron import Cron
from jobs.schedule import Schedule
from jobs.spec import load

NIGHTLY = Cron.read("0 2 * * *")
_NASTY = st.sampled_from(" '\"%$\\{}#`!&;|<>*?~()[]=:,-é日\u2028")
WILD = st.text(_NASTY | st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="/"), min_size=1, max_size=20)


def job(name="digits", *overrides, output="s3://bucket/prefix"):
    text = f'name: "{name}"\noutput: {output}\ndata: {{source: "sklearn://digits"}}\n'
    return load("job.yaml", text, overrides), text


def made(*overrides, name="digits", output="s3://bucket/prefix", **fields):
    """A nightly schedule with an image and a date."""
    spec, text = job(name, *overrides, output=output)
    plain = Schedule(
        spec,
        "/jobs/job.yaml",
        text,
        "/jobs",
        ("/opt/genai/bin/genai",),
        NIGHTLY,
        image="reg.example/genai:1",
        logical_date="2026-11-25",
    )
    return replace(plain, **fields)


def wild(folder, file, setting, program):
    return made(folder=f"/{folder}", file=f"/{folder}/{file}", settings=(setting,), program=(f"/{program}",))


SCHEDULES = st.builds(wild, WILD, WILD, WILD, WILD)
