"""Rules of the house that a machine can check."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("genai", "jobs", "workers")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
HEAVY = ("torch", "ray", "boto3", "botocore", "pyarrow")
LONGEST_FILE, LONGEST_FUNCTION = 400, 80


def named(path):
    return str(path.relative_to(ROOT))


def python(*arguments):
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120)


def functions(path):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds)]


def test_imports_keep_to_the_rings():
    """Every contract of `[tool.importlinter]` is kept."""
    done = python("-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-logo", "--no-cache")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("module", ["jobs.cli", "jobs.stores", "genai.errors", "genai.recipe"])
def test_the_command_line_loads_nothing_heavy(module):
    """What import-linter cannot see: imports by name, and those of the libraries we import."""
    done = python("-c", f"import sys, {module}; print(*sorted(set({HEAVY}) & set(sys.modules)))")

    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


def test_help_needs_no_installed_ray_or_torch():
    """`genai --help` answers where importing either would fail."""
    blocked = f"import sys; sys.modules.update(dict.fromkeys({HEAVY})); from jobs.cli import main; main(['--help'])"
    done = python("-c", blocked)

    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_module_says_what_it_is(path):
    """Its docstring is at its top."""
    assert ast.get_docstring(ast.parse(path.read_text())), f"{named(path)} has no docstring"


def test_no_module_is_a_drawer_for_odds_and_ends():
    """Where a function has no home, a noun is missing."""
    drawers = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base"}

    assert [named(path) for path in MODULES if {path.stem.strip("_"), path.parent.name} & drawers] == []


def test_files_and_functions_are_short():
    """A longer one is two things."""
    files = [named(path) for path in MODULES if len(path.read_text().splitlines()) > LONGEST_FILE]
    long = [
        f"{named(path)}: {node.name}"
        for path in MODULES
        for node in functions(path)
        if node.end_lineno - node.lineno >= LONGEST_FUNCTION
    ]

    assert (files, long) == ([], [])


def test_every_test_says_its_sentence():
    """The docstring of a test is the behaviour that it checks."""
    silent = [
        f"{named(path)}: {node.name}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in functions(path)
        if node.name.startswith("test_") and not ast.get_docstring(node)
    ]

    assert silent == []


def test_every_dependency_has_its_reason():
    """On its own line of pyproject.toml, in the tables of dependencies."""
    text = (ROOT / "pyproject.toml").read_text()
    tables = re.findall(r"^(?:dependencies|test|lint) = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    lines = [line for table in tables for line in table.splitlines()]

    assert len(tables) == 3
    assert [line for line in lines if not re.fullmatch(r'  "[^"]+",\s+# \S.*', line)] == []


def test_what_is_needed_is_pinned():
    """Each dependency stands in constraints.txt, at one release, which is no machine's own build."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = sum(project["optional-dependencies"].values(), project["dependencies"])
    needed = {re.match(r"[\w.-]+", requirement)[0].lower() for requirement in asked}
    pins = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]

    assert [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9A-Za-z.]*", pin)] == []
    assert needed - {pin.split("==")[0].lower() for pin in pins} == set()


def test_readme_names_what_is_there():
    """Its file tree has every folder and file that git tracks at the top."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    if tracked.returncode:
        pytest.skip("no git checkout")
    there = {path.split("/")[0] for path in tracked.stdout.splitlines()} - {
        "README.md",
        ".gitattributes",
        ".gitignore",
        ".ci",
    }
    readme = (ROOT / "README.md").read_text()
    missing = sorted(name for name in there if not re.search(rf"(?<![\w/.]){re.escape(name)}\b", readme))

    assert missing == [], f"README.md names no {', '.join(missing)}; add each to its file tree"


PAGES = [f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY", "CHANGELOG")]


DOCS = [f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md")) if page.stem != "errors"]


@pytest.mark.parametrize("page", [*PAGES, *DOCS])
def test_pages_point_at_what_exists(page):
    """Every relative link, and every path of our folders in backticks, is there."""
    text = (ROOT / page).read_text()
    links = [(ROOT / page).parent / to for to in re.findall(r"\]\((?!https?:|#)([^)#]+)", text)]
    paths = re.findall(r"`((?:genai|jobs|workers|tests|examples|docs|benchmarks)/[\w./-]+)`", text)
    wanted = links + [ROOT / path for path in paths if not re.search("[A-Z]{4}", path)]

    assert [str(path.relative_to(ROOT)) for path in wanted if not path.exists()] == []
