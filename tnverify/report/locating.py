"""Where a layer's class is written, found without importing anything."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Place:
    """A file, relative to the directory at hand and with slashes, and a line, counted from 1."""

    file: str
    line: int


def named_in(spec: str) -> str:
    """The name that a spec ends in, without arguments: `pkg.mod:Name` or `Name`."""
    return spec.partition("(")[0].rpartition(":")[2].partition("#")[0] or spec


def place_of(spec: str) -> Place | None:
    """Where the class or function of a spec stands, where it lies below the directory at hand."""
    before = spec.partition("(")[0].partition("#")[0]
    where, colon, name = before.rpartition(":")
    if not colon:
        return None
    here = Path.cwd()
    for path in _files(where):
        try:
            file = path.resolve().relative_to(here)
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError):  # elsewhere, gone, or no text
            continue
        return Place(file.as_posix(), _line_of(name, text))
    return None


def _files(where: str) -> Iterator[Path]:
    if where.endswith(".py"):
        yield Path(where)
    elif where and all(part.isidentifier() for part in where.split(".")):
        inner = Path(*where.split("."))
        for root in (Path(), Path("src")):
            yield root / inner.with_suffix(".py")
            yield root / inner / "__init__.py"


def _line_of(name: str, text: str) -> int:
    """The line on which `name` is defined, 1 where it cannot be seen."""
    try:
        body: list[ast.stmt] = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return 1
    line = 1
    for part in name.split("."):
        found = next((node for node in body if _defines(node, part)), None)
        if found is None:
            return line
        line = found.lineno
        body = found.body if isinstance(found, ast.ClassDef) else []
    return line


def _defines(node: ast.stmt, name: str) -> bool:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return node.name == name
    if isinstance(node, ast.Assign):
        return any(isinstance(t, ast.Name) and t.id == name for t in node.targets)
    return False
