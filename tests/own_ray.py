"""Import this before ray: the settings of a run on this machine, some of which Ray reads as it is imported."""

import os

from workers.__main__ import ENVIRONMENT, OWN

for name, value in (ENVIRONMENT | OWN).items():
    os.environ.setdefault(name, value)
