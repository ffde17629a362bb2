"""Where errors are made, by the source: each call of an error's class, or of a function that makes one, and its words.

The words of a message are the pieces of its f-string that stand in the source; what is filled in may be anything. So
a site is known by a pattern, and a message that the pattern fits was made there, or might have been.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from genai import errors

ROOT = Path(__file__).parents[2]
CLASSES = {name for name, value in vars(errors).items() if isinstance(value, type)} | {"Unanswered"}
MAKERS = {  # functions that make an error, or the text of one: which argument is that
    "rule": 0, "_unreadable": 0, "_error": -1, "Fault": 2, "Found": 1, "_Refused": 0,
}  # fmt: skip
ANYTHING = ".*"


@dataclass(frozen=True)
class Site:
    """One place where an error is made."""

    file: str
    first: int
    last: int
    pattern: str

    @property
    def words(self) -> str:
        """The message as it stands in the source, with … for what is filled in."""
        return re.sub(r"\(\?:|\\(.)", r"\1", self.pattern.replace(ANYTHING, "…"))

    @property
    def carries(self) -> bool:
        """Whether it has no words of its own, but hands on those of another place, or of a table."""
        return not any(map(str.isalpha, self.words))

    def fits(self, message: str) -> bool:
        return all(word in message for word in self._sure) and re.search(self.pattern, message, re.DOTALL) is not None

    @cached_property
    def _sure(self) -> list[str]:
        """What each of its messages holds: looked for first, as that is quick."""
        plain = "(?:" not in self.pattern
        return [re.sub(r"(?s)\\(.)", r"\1", piece) for piece in self.pattern.split(ANYTHING)] if plain else []


@cache
def sites() -> list[Site]:
    """All of them."""
    files = [file for package in ("genai", "jobs", "workers") for file in sorted((ROOT / package).rglob("*.py"))]
    return [site for file in files for site in _sites(file)]


def _sites(file: Path) -> Iterator[Site]:
    tree = ast.parse(file.read_text())
    named = dict(_assigned(tree.body))
    functions = [
        (node.lineno, node.end_lineno or 0, dict(_assigned(ast.walk(node))))
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    ]
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        text = _text(call)
        if text is not None:
            around = [names for first, last, names in functions if first <= call.lineno <= last]
            known = {name: value for names in (named, *around) for name, value in names.items()}
            yield Site(str(file.relative_to(ROOT)), call.lineno, call.end_lineno or 0, _pattern(text, known))


def _text(call: ast.Call) -> ast.expr | None:
    """The argument that is the message; None where the call makes no error."""
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    given = [argument.value if isinstance(argument, ast.Starred) else argument for argument in call.args]
    given += [keyword.value for keyword in call.keywords]
    if name in CLASSES:
        return given[0]
    return given[MAKERS[name]] if name in MAKERS else None


def _assigned(body: Iterable[ast.AST]) -> Iterator[tuple[str, ast.expr]]:
    for node in body:
        if isinstance(node, ast.Assign):
            yield from ((to.id, node.value) for to in node.targets if isinstance(to, ast.Name))


def _pattern(node: ast.expr, known: dict[str, ast.expr]) -> str:
    """A regular expression for what an expression may say."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.escape(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_pattern(value, known) for value in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _pattern(node.left, known) + _pattern(node.right, known)
    if isinstance(node, ast.IfExp):
        return f"(?:{_pattern(node.body, known)}|{_pattern(node.orelse, known)})"
    if isinstance(node, ast.Name) and node.id in known:
        return _pattern(known[node.id], {name: value for name, value in known.items() if name != node.id})
    return ANYTHING
