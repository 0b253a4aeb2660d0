"""Which nodes of a file belong to a layer: its class, and what of the file that class uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from tnverify.power.mutants.edits import (
    Edit,
    axes,
    axis,
    axis_number,
    detached,
    dropped,
    edits,
    is_axes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHOWN = frozenset({"__repr__", "__str__", "extra_repr", "_extra_repr", "__all__"})
"""What only shows a layer to people: no output depends on it."""

_SKIPPED = (
    cst.Annotation,
    cst.Decorator,
    cst.Assert,
    cst.BaseString,
    cst.Import,
    cst.ImportFrom,
)


class NotThereError(Exception):
    """The file does not define the layer at its top."""


def belonging(module: cst.Module, qualname: str) -> list[cst.CSTNode]:
    """The statements at the top of the file that the layer is made of, in the file's order.

    The class or function itself and, of what they name, whatever the file defines too: base
    classes, functions, constants. Raises NotThereError where the file defines no such name.
    """
    defined = dict(_definitions(module))
    name = qualname.partition(".")[0]
    if name not in defined:
        raise NotThereError(f"{name} is not defined at the top of its file")
    wanted, reached = [name], {name}
    while wanted:
        for used in _names(defined[wanted.pop()]):
            if used in defined and used not in reached:
                reached.add(used)
                wanted.append(used)
    return [node for name, node in defined.items() if name in reached]


def edits_within(node: cst.CSTNode) -> Iterator[Edit]:
    """Every change of a node that `belonging` found, in the order of the source."""
    yield from _walk(node, frozenset(), detach=False)


def _definitions(module: cst.Module) -> Iterator[tuple[str, cst.CSTNode]]:
    """Names that statements at the top of the file define, those under an `if` included."""
    for statement in module.body:
        for node in _opened(statement):
            if isinstance(node, cst.ClassDef | cst.FunctionDef):
                yield node.name.value, node
            elif isinstance(node, cst.SimpleStatementLine):
                for part in node.body:
                    target = _target(part)
                    if target is not None:
                        yield target, node


def _opened(statement: cst.CSTNode) -> Iterator[cst.CSTNode]:
    if isinstance(statement, cst.If | cst.Try):
        yield from statement.body.body
    else:
        yield statement


def _target(part: cst.CSTNode) -> str | None:
    if isinstance(part, cst.Assign) and len(part.targets) == 1:
        found = part.targets[0].target
    elif isinstance(part, cst.AnnAssign) and part.value is not None:
        found = part.target
    else:
        return None
    return found.value if isinstance(found, cst.Name) else None


def _names(node: cst.CSTNode) -> Iterator[str]:
    """Names that a statement uses; not those of annotations."""
    if isinstance(node, cst.Annotation):
        return
    if isinstance(node, cst.Name):
        yield node.value
    for child in node.children:
        yield from _names(child)


def _walk(node: cst.CSTNode, known: frozenset[str], *, detach: bool) -> Iterator[Edit]:
    """Changes of a node and of all that is in it; `known` are the variables that it may read."""
    if isinstance(node, _SKIPPED):
        return
    if isinstance(node, cst.FunctionDef):
        if node.name.value in _SHOWN:
            return
        detach = node.name.value != "__init__"
        known = frozenset(_parameters(node.params))
    if isinstance(node, cst.SimpleStatementLine):
        if _is_droppable(node, known):
            yield dropped(node)
        if any(isinstance(part, cst.Raise | cst.Assert) for part in node.body):
            return
    if detach and isinstance(node, cst.Assign | cst.Return) and node.value is not None:
        yield from detached(node.value)
    yield from edits(node)
    if is_axes(node):
        assert isinstance(node, cst.Tuple | cst.List)
        yield from axes(node)
        return
    number = axis_number(node) if isinstance(node, cst.Arg) else None
    if number is not None:
        yield from axis(number)
        return
    for child in node.children:
        yield from _walk(child, known, detach=detach)
        known |= frozenset(_assigned(child))


def _parameters(parameters: cst.Parameters) -> Iterator[str]:
    for each in (*parameters.posonly_params, *parameters.params, *parameters.kwonly_params):
        yield each.name.value


def _assigned(node: cst.CSTNode) -> Iterator[str]:
    """Variables that a statement, or any within it, assigns."""
    if isinstance(node, cst.AssignTarget):
        yield from _target_names(node.target)
    for child in node.children:
        if not isinstance(child, cst.FunctionDef | cst.ClassDef):
            yield from _assigned(child)


def _target_names(target: cst.CSTNode) -> Iterator[str]:
    if isinstance(target, cst.Name):
        yield target.value
    elif isinstance(target, cst.Tuple | cst.List):
        for element in target.elements:
            yield from _target_names(element.value)


def _is_droppable(line: cst.SimpleStatementLine, known: frozenset[str]) -> bool:
    """Whether a bug could be that the statement is missing, with no unknown name left behind."""
    if len(line.body) != 1:
        return False
    match line.body[0]:
        case cst.Expr(value=cst.Call()) | cst.AugAssign() | cst.Raise():
            return True
        case cst.Assign(targets=[cst.AssignTarget(target=target)]):
            if isinstance(target, cst.Attribute | cst.Subscript):
                return True
            names = set(_target_names(target))
            return bool(names) and names <= known
        case _:
            return False
