"""Nothing that was stored is unpickled or run: what the source may not call. (What a store full of pickles does is in
`end_to_end/test_pickles.py`.)
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(path for package in ("genai", "jobs", "workers") for path in (ROOT / package).rglob("*.py"))
UNPICKLERS = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "marshal", "shelve", "joblib", "jsonpickle"}
CALLS = {
    "eval", "exec", "compile", "__import__", "torch.load", "torch.jit.load", "torch.hub.load", "torch.package",
    "numpy.load", "np.load", "numpy.lib.format.read_array", "pandas.read_pickle", "pd.read_pickle", "yaml.load",
    "yaml.load_all", "yaml.full_load", "yaml.full_load_all", "yaml.unsafe_load", "yaml.unsafe_load_all",
    "pa.deserialize", "pyarrow.deserialize", "runpy.run_path", "runpy.run_module",
}  # fmt: skip
LOADERS = {"Loader", "FullLoader", "UnsafeLoader", "CLoader", "CFullLoader", "CUnsafeLoader"}


def dotted(node: ast.expr) -> str:
    """`a.b.c` of an expression that is only that."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def unsafe(tree: ast.AST) -> list[str]:
    """What a module imports, calls or hands on that would run what it reads."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names if name.name.partition(".")[0] in UNPICKLERS]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = [f"{module}.{name.name}" for name in node.names]
            found += [name for name in names if module.partition(".")[0] in UNPICKLERS or name in CALLS]
        elif isinstance(node, ast.Call) and dotted(node.func) in CALLS:
            found.append(dotted(node.func))
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            found.append("allow_pickle")
        elif isinstance(node, ast.Attribute) and dotted(node) in {f"yaml.{name}" for name in LOADERS}:
            found.append(dotted(node))
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_runs_what_it_reads(path):
    """No pickle, no marshal, no YAML that builds objects, no eval; Ray pickles between its own processes only."""
    assert unsafe(ast.parse(path.read_text())) == []


@pytest.mark.parametrize(
    "text",
    [
        "import pickle", "from pickle import loads", "import cloudpickle as c", "eval('1')", "exec(x)", "torch.load(f)",
        "np.load(f)", "numpy.load(f, allow_pickle=True)", "f(allow_pickle=True)", "yaml.load(x, Loader=None)",
        "class A(yaml.FullLoader): ...", "from yaml import unsafe_load", "__import__(name)", "from torch import load",
    ],
)  # fmt: skip
def test_each_way_would_be_found(text):
    """The check sees what it is for."""
    assert unsafe(ast.parse(text)) != []
