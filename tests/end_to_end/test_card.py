"""docs/card.md as a reader follows it: the job, the commands and the Python that it shows, one after the other."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/card.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.soak
@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl")
def test_the_page_of_the_card_runs(tmp_path):
    """In one shell, from the key to the catalogue; each command ends with 0."""
    (tmp_path / "job.yaml").write_text(blocks("yaml")[0])
    (tmp_path / "snippet.py").write_text("\n".join(blocks("python")))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    shown = [f"( cd {tmp_path}\n{block})" if "\ncd " in block else block for block in blocks("sh")]
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join([*shown, "python snippet.py"])],
        cwd=tmp_path, capture_output=True, text=True, timeout=300,
        env={**os.environ, "PATH": path, "HF_HOME": str(tmp_path / "hf")},
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    for told in ("signature valid", "Signature Verified Successfully", "(8, 8)", "['0', '1', '2', '3', '4'"):
        assert told in done.stdout
    assert "WARNING" not in done.stderr
