"""Values that a layer's own source compares an argument with: its words for what is to come."""

from __future__ import annotations

import ast
import inspect
import itertools
import sys
import textwrap
from typing import TYPE_CHECKING, Any

from tnverify.subjects.adapters import words
from tnverify.subjects.adapters.signature import bare_layer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MOST = 5
"""Values of one argument that are tried, in pairs."""


def spoken(layer: Any, argument: str) -> tuple[Any, ...]:
    """Return the texts and whole numbers that the source of a layer's class compares an argument
    with, or looks up by it, in their order; none where the source cannot be read.

    What is assigned to an attribute of the argument's name counts as the argument.
    """
    bare = bare_layer(layer)
    found: dict[Any, None] = {}
    for tree in _sources(type(bare)):
        for node in ast.walk(tree):
            for value in _compared(node, argument, bare):
                found.setdefault(value)
    return tuple(found)[:_MOST]


def pairs_of(values: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Return pairs of values for a context and for targets, usual words in their order first.

    One value alone goes with the words that usually go with it, else with any other.
    """
    known = list(dict.fromkeys(values))[:_MOST]
    if len(known) == 1:
        (one,) = known
        known += [b if a == one else a for a, b in words.WORDS if one in (a, b) and a != b]
    if len(known) == 1:
        known.append("other" if isinstance(known[0], str) else known[0] + 1)
    pairs = itertools.permutations(known, 2)
    return sorted(pairs, key=lambda pair: pair not in words.WORDS)


def words_in(layer: Any) -> frozenset[str]:
    """Return all texts that stand in the source of a layer's class."""
    nodes = (n for tree in _sources(type(bare_layer(layer))) for n in ast.walk(tree))
    return frozenset(
        n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)
    )


_last: tuple[type, tuple[ast.AST, ...]] | None = None
"""The class that was read last: adapters ask about one again and again. No cache by hash, which a
user's class need not have."""


def _sources(kind: type) -> tuple[ast.AST, ...]:
    """The parsed sources of a class and of its bases that are not torch's or Python's."""
    global _last  # noqa: PLW0603 - a cache of one
    if _last is None or _last[0] is not kind:
        _last = kind, tuple(_parsed(kind))
    return _last[1]


def _parsed(kind: type) -> Iterator[ast.AST]:
    for each in kind.__mro__:
        if each.__module__.partition(".")[0] in ("torch", "builtins", "abc", "typing"):
            continue
        try:
            yield ast.parse(textwrap.dedent(inspect.getsource(each)))
        except (OSError, TypeError, SyntaxError):
            continue


def _compared(node: ast.AST, argument: str, bare: Any) -> Iterator[Any]:
    if isinstance(node, ast.Compare):
        sides = (node.left, *node.comparators)
        if any(_is(side, argument) for side in sides):
            for side in sides:
                yield from _values(side, bare)
    elif isinstance(node, ast.Subscript) and _is(node.slice, argument):
        yield from _values(node.value, bare)
    elif isinstance(node, ast.Match) and _is(node.subject, argument):
        for case in node.cases:
            for pattern in ast.walk(case.pattern):
                if isinstance(pattern, ast.MatchValue):
                    yield from _values(pattern.value, bare)


def _is(node: ast.expr, argument: str) -> bool:
    """Whether an expression is the argument: by name, as an attribute, or as `mode.lower()`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return _is(node.func.value, argument)
    if isinstance(node, ast.Attribute):
        return node.attr.lstrip("_") == argument.lstrip("_")
    return isinstance(node, ast.Name) and node.id == argument


def _values(node: ast.expr, bare: Any) -> Iterator[Any]:
    """The texts and numbers that an expression stands for, read from the layer where it names
    one of its attributes."""
    if isinstance(node, ast.Attribute | ast.Name):
        held = _named(node, bare)
        keys = held if isinstance(held, list | tuple | set | frozenset) else _keys(held)
        yield from (value for value in keys if type(value) in (str, int))
    elif isinstance(node, ast.List | ast.Tuple | ast.Set):
        for element in node.elts:
            yield from _values(element, bare)
    elif isinstance(node, ast.Dict):
        for key in node.keys:
            if key is not None:
                yield from _values(key, bare)
    elif isinstance(node, ast.Constant) and type(node.value) in (str, int):
        yield node.value


def _named(node: ast.Attribute | ast.Name, bare: Any) -> Any:
    """What an attribute of the layer, or a name of its module, holds."""
    if isinstance(node, ast.Attribute):
        return getattr(bare, node.attr, ())
    return getattr(sys.modules.get(type(bare).__module__), node.id, ())


def _keys(held: Any) -> tuple[Any, ...]:
    keys = getattr(held, "keys", None)
    return tuple(keys()) if callable(keys) else ()
