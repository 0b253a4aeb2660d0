"""The source of an object that no name leads to, as Python that defines it: of a class in a cell of
a notebook, or a lambda, with what it uses of the module around it."""

from __future__ import annotations
import __future__

import ast
import builtins
import functools
import inspect
import linecache
import symtable
import sys
import textwrap
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FUTURE = "from __future__ import annotations"
"""Stands before all else in a program, where a layer's annotations are not to be evaluated."""

_NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def shown(subject: object, name: str = "the_layer") -> tuple[str, tuple[str, ...]]:
    """Python that defines this object under a name, and what of it could not be had.

    The text is empty where the object itself could not be shown.
    """
    writing = _Writing()
    expression = writing.expression(subject)
    lacks = tuple(dict.fromkeys(writing.lacks))
    if expression is None:
        return "", lacks
    future = (FUTURE,) if writing.future else ()
    return "\n".join((*future, *writing.lines(), f"{name} = {expression}")) + "\n", lacks


class _Writing:
    """Statements that define names, in the order in which they are to stand."""

    def __init__(self) -> None:
        self._imports: dict[str, str] = {}
        self._statements: dict[str, str] = {}
        self._begun: set[str] = set()
        self.lacks: list[str] = []
        self.future = False

    def lines(self) -> Iterator[str]:
        yield from self._imports.values()
        for statement in self._statements.values():
            yield f"\n\n{statement}\n" if "\n" in statement else statement
        if self._statements:
            yield ""

    def expression(self, value: object) -> str | None:
        """What stands for the value, once what it needs is defined; None where nothing does."""
        if isinstance(value, functools.partial):
            return self._partial(value)
        if not isinstance(value, type | FunctionType):
            self.lacks.append(f"a {type(value).__name__} that was there, with all that it holds")
            return None
        node, text = _source(value)
        if node is None:
            self.lacks.append(f"the source of {value.__qualname__}: Python has no text of it")
            return None
        self._begun.add(value.__name__)
        self.future = self.future or needs_future(value)
        self._define_all(text, _around(value))
        if isinstance(node, ast.Lambda):
            return f"({text})"
        self._statements[value.__name__] = text
        return value.__name__

    def _partial(self, value: functools.partial[Any]) -> str | None:
        function = self._reference(value.func, value.func.__name__)
        given = [repr(each) for each in value.args if self._is_literal(each)]
        named = [f"{k}={v!r}" for k, v in value.keywords.items() if self._is_literal(v)]
        if function is None or len(given) + len(named) < len(value.args) + len(value.keywords):
            self.lacks.append("arguments that are no literals")
            return None
        self._imports["functools"] = "import functools"
        return f"functools.partial({', '.join((function, *given, *named))})"

    def _reference(self, value: Any, name: str) -> str | None:
        self._define(name, value)
        return name if name in self._imports or name in self._statements else None

    def _define_all(self, text: str, around: Mapping[str, Any]) -> None:
        table = symtable.symtable(f"(\n{text}\n)" if _is_expression(text) else text, "", "exec")
        for name in _free_names(table):
            if name in around and name not in self._begun:
                self._begun.add(name)
                self._define(name, around[name])

    def _define(self, name: str, value: Any) -> None:
        from tnverify.subjects.given import importable

        if isinstance(value, ModuleType):
            alias = "" if value.__name__ == name else f" as {name}"
            self._imports[name] = f"import {value.__name__}{alias}"
            return
        spec = importable(value)
        module, _, path = (spec or "").rpartition(":")
        if spec is not None and not module.endswith(".py") and "." not in path:
            alias = "" if path == name else f" as {name}"
            self._imports[name] = f"from {module} import {path}{alias}"
        elif self._is_literal(value):
            self._statements[name] = f"{name} = {value!r}"
        elif type(value).__module__ == "torch" and repr(value).startswith("torch."):
            self._imports["torch"] = "import torch"  # a dtype, say
            self._statements[name] = f"{name} = {value!r}"
        elif isinstance(value, type | FunctionType):
            expression = self.expression(value)
            if expression not in (None, name):
                self._statements[name] = f"{name} = {expression}"
        else:
            self.lacks.append(f"{name}, a {type(value).__name__}")

    @staticmethod
    def _is_literal(value: Any) -> bool:
        try:
            return bool(ast.literal_eval(repr(value)) == value)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return False


def _is_expression(text: str) -> bool:
    return text.startswith("lambda")


def _free_names(table: symtable.SymbolTable) -> Iterator[str]:
    """The names that a text uses and that are not variables of its own functions."""
    outermost = table.get_type() == "module"
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (outermost or symbol.is_global()):
            yield symbol.get_name()
    for inner in table.get_children():
        yield from _free_names(inner)


def _source(value: type | FunctionType) -> tuple[ast.AST | None, str]:
    """The part of a syntax tree that defines a class or function, and its text."""
    for file, line, code in _places(value):
        text = "".join(linecache.getlines(file))
        try:
            node = _node(ast.parse(text), value, line, code)
        except SyntaxError:
            continue
        if isinstance(node, ast.Lambda):
            return node, ast.get_source_segment(text, node) or ""
        if node is not None:
            lines = text.splitlines()[_first(node) - 1 : node.end_lineno]
            return node, textwrap.dedent("\n".join(lines))
    return None, ""


def _node(tree: ast.AST, value: type | FunctionType, line: int, code: CodeType | None) -> Any:
    if value.__name__ == "<lambda>":
        found: list[Any] = [n for n in ast.walk(tree) if isinstance(n, ast.Lambda)]
        within = [n for n in found if code is not None and _holds(n, code)]
        return max(within, key=lambda n: (n.lineno, n.col_offset), default=None)
    named = [n for n in ast.walk(tree) if isinstance(n, _NAMED) and n.name == value.__name__]
    around = [n for n in named if not line or _first(n) <= line <= (n.end_lineno or n.lineno)]
    return max(around, key=_first, default=None)


def _first(node: Any) -> int:
    return int(min((node.lineno, *(each.lineno for each in node.decorator_list))))


def _holds(node: ast.Lambda, code: CodeType) -> bool:
    """Whether a lambda's body is what the code was made of."""
    places = [(line, column) for line, _, column, _ in code.co_positions() if column is not None]
    body = node.body
    first = (body.lineno, body.col_offset)
    last = (body.end_lineno or body.lineno, body.end_col_offset or 0)
    inside = [p for p in places if p[0] is not None and first <= p <= last]
    return bool(inside) and (node.lineno == code.co_firstlineno)


def _places(value: type | FunctionType) -> Iterator[tuple[str, int, CodeType | None]]:
    """Files and lines in which a class or function may stand, 0 for any line, and code of it."""
    if isinstance(value, FunctionType):
        code = inspect.unwrap(value).__code__
        yield code.co_filename, code.co_firstlineno, code
        return
    for function in _functions(value):
        yield function.__code__.co_filename, function.__code__.co_firstlineno, None
    file = getattr(sys.modules.get(value.__module__), "__file__", None)
    if file is not None:
        yield file, 0, None


def _functions(value: type) -> list[FunctionType]:
    """The functions that stand in the body of a class."""
    inner = (getattr(each, "__func__", each) for each in vars(value).values())
    return [each for each in inner if isinstance(each, FunctionType)]


def needs_future(value: object) -> bool:
    """Whether annotations of a class or function are not evaluated where it is defined."""
    functions = [value] if isinstance(value, FunctionType) else []
    functions += _functions(value) if isinstance(value, type) else []
    return any(f.__code__.co_flags & __future__.annotations.compiler_flag for f in functions)


def _around(value: type | FunctionType) -> dict[str, Any]:
    """The names that a class or function can use, but for Python's own."""
    functions = [value] if isinstance(value, FunctionType) else _functions(value)
    found: dict[str, Any] = dict(vars(sys.modules.get(value.__module__, builtins)))
    for function in functions:
        found.update(function.__globals__)
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        found.update({n: c.cell_contents for n, c in cells if n != "__class__" and _is_full(c)})
    return {n: v for n, v in found.items() if getattr(builtins, n, None) is not v}


def _is_full(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - raises where nothing was put there yet
    except ValueError:
        return False
    return True
