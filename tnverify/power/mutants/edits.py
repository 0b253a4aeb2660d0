"""Small changes to one node of a source tree: each is a bug that someone could have written."""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

if TYPE_CHECKING:
    from collections.abc import Iterator


class Edit(NamedTuple):
    """`new` in the place of `old`; `words` say what that changes."""

    old: cst.CSTNode
    new: cst.CSTNode
    kind: str
    words: str


_OPERATORS: dict[type[cst.CSTNode], type[cst.CSTNode]] = {
    cst.Add: cst.Subtract,
    cst.Subtract: cst.Add,
    cst.Multiply: cst.Divide,
    cst.Divide: cst.Multiply,
    cst.FloorDivide: cst.Divide,
    cst.Modulo: cst.Multiply,
    cst.Power: cst.Multiply,
    cst.AddAssign: cst.SubtractAssign,
    cst.SubtractAssign: cst.AddAssign,
    cst.MultiplyAssign: cst.DivideAssign,
    cst.DivideAssign: cst.MultiplyAssign,
}

_COMPARISONS: dict[type[cst.CSTNode], tuple[type[cst.CSTNode], ...]] = {
    cst.LessThan: (cst.LessThanEqual, cst.GreaterThanEqual),
    cst.LessThanEqual: (cst.LessThan, cst.GreaterThan),
    cst.GreaterThan: (cst.GreaterThanEqual, cst.LessThanEqual),
    cst.GreaterThanEqual: (cst.GreaterThan, cst.LessThan),
    cst.Equal: (cst.NotEqual,),
    cst.NotEqual: (cst.Equal,),
    cst.Is: (cst.IsNot,),
    cst.IsNot: (cst.Is,),
    cst.In: (cst.NotIn,),
    cst.NotIn: (cst.In,),
}
"""Each with the same but for its boundary, where it has one, and with its opposite."""

_AXES = ("dim", "dims", "axis", "axes")
_VARIANCES = ("var", "std", "var_mean", "std_mean")
_CHOICES = ("unbiased", "correction")
_NUMBERS = frozenset({"dim", "size", "numel", "ndimension", "item", "tolist", "items", "keys"})
"""Methods that give no tensor: without them the layer does not run."""

_MODES = {"no_grad": "enable_grad", "inference_mode": "enable_grad"}


def edits(node: cst.CSTNode) -> Iterator[Edit]:
    """Every change of this node itself; nothing of what is in it."""
    match node:
        case cst.Integer() | cst.Float():
            yield from _number(node, "constant")
        case cst.Name(value="True"):
            yield _renamed(node, "False", "flag", "True becomes False")
        case cst.Name(value="False"):
            yield _renamed(node, "True", "flag", "False becomes True")
        case cst.Comparison(comparisons=[first, *_]):
            yield from _comparison(first)
        case cst.BinaryOperation(operator=old) | cst.AugAssign(operator=old):
            yield from _operator(old, node)
        case cst.BooleanOperation(operator=cst.And() as old):
            yield Edit(old, cst.Or(), "condition", "and becomes or")
        case cst.BooleanOperation(operator=cst.Or() as old):
            yield Edit(old, cst.And(), "condition", "or becomes and")
        case cst.UnaryOperation(operator=cst.Minus(), expression=inner):
            yield Edit(node, parenthesized(inner), "arithmetic", "minus is dropped")
        case cst.If(test=test) | cst.IfExp(test=test) | cst.While(test=test):
            yield from _condition(test)
        case cst.Call():
            yield from _call(node)
        case _:
            return


def is_axes(node: cst.CSTNode) -> bool:
    """Whether the node spells several axes: a tuple or list of two or more whole numbers."""
    return (
        isinstance(node, cst.Tuple | cst.List)
        and len(node.elements) > 1
        and all(_whole(element.value) is not None for element in node.elements)
    )


def axes(node: cst.Tuple | cst.List) -> Iterator[Edit]:
    """One axis less, for each of them, and the items or the channels as one more."""
    elements = list(node.elements)
    known = [_whole(element.value) for element in elements]
    for position, axis in enumerate(known):
        fewer: list[cst.BaseElement] = [e for p, e in enumerate(elements) if p != position]
        yield Edit(node, _axes_of(node, fewer), "axis", f"axis {axis} is left out")
    for axis in (0, 1):
        if axis not in known:
            more: list[cst.BaseElement] = [cst.Element(cst.Integer(str(axis))), *elements]
            yield Edit(node, _axes_of(node, more), "axis", f"axis {axis} is added")


def axis_number(argument: cst.Arg) -> cst.Integer | None:
    """The number of `dim=1` and the like."""
    is_axis = argument.keyword is not None and argument.keyword.value in _AXES
    return argument.value if is_axis and isinstance(argument.value, cst.Integer) else None


def axis(node: cst.Integer) -> Iterator[Edit]:
    """Another axis."""
    yield from _number(node, "axis")


def detached(value: cst.BaseExpression) -> Iterator[Edit]:
    """`value`, or each part of a tuple of values, without its gradient."""
    if isinstance(value, cst.Tuple):
        for element in value.elements:
            yield from detached(element.value)
    elif isinstance(value, cst.BinaryOperation | cst.Call | cst.IfExp | cst.Subscript):
        if isinstance(value, cst.Call) and not _may_give_tensor(value):
            return
        attribute = cst.Attribute(parenthesized(value), cst.Name("detach"))
        yield Edit(value, cst.Call(attribute), "detach", f"detached: {code(value)}")


def parenthesized(node: cst.BaseExpression) -> cst.BaseExpression:
    """The expression as it must be written to be part of another."""
    atoms = cst.Name | cst.Call | cst.Attribute | cst.Subscript | cst.Integer | cst.Float
    if node.lpar or isinstance(node, atoms):
        return node
    return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def code(node: cst.CSTNode) -> str:
    """The source of a node, in one line."""
    return " ".join(cst.Module(body=[]).code_for_node(node).split())


def dropped(statement: cst.SimpleStatementLine) -> Edit:
    """`pass` in the place of a statement."""
    new = statement.with_changes(body=[cst.Pass()])
    return Edit(statement, new, "statement", f"left out: {code(statement.body[0])}")


def _renamed(node: cst.Name, value: str, kind: str, words: str) -> Edit:
    return Edit(node, node.with_changes(value=value), kind, words)


def _number(node: cst.Integer | cst.Float, kind: str) -> Iterator[Edit]:
    value = ast.literal_eval(node.value)
    if isinstance(node, cst.Integer):
        others = [str(value + 1)] + ([str(value - 1)] if value > 0 else [])
    elif value == 0.0:
        others = ["1.0"]
    else:
        others = ["0.0", repr(value * 10)]
    for other in others:
        new = node.with_changes(value=other)
        yield Edit(node, new, kind, f"{node.value} becomes {other}")


def _comparison(target: cst.ComparisonTarget) -> Iterator[Edit]:
    for other in _COMPARISONS.get(type(target.operator), ()):
        words = f"{code(target.operator)} becomes {code(other())}"
        yield Edit(target.operator, other(), "comparison", words)


def _operator(old: cst.CSTNode, whole: cst.CSTNode) -> Iterator[Edit]:
    other = _OPERATORS.get(type(old))
    if other is not None:
        words = f"{code(old)} becomes {code(other())} in {code(whole)}"
        yield Edit(old, other(), "arithmetic", words)


def _condition(test: cst.BaseExpression) -> Iterator[Edit]:
    if isinstance(test, cst.Comparison | cst.BooleanOperation):
        return  # changed as what they are
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        yield Edit(test, parenthesized(test.expression), "condition", "not is dropped")
    else:
        denied = cst.UnaryOperation(cst.Not(), parenthesized(test))
        yield Edit(test, parenthesized(denied), "condition", "the condition is denied")


def _call(node: cst.Call) -> Iterator[Edit]:
    name = _method(node)
    receiver = node.func.value if isinstance(node.func, cst.Attribute) else None
    if name in _MODES and isinstance(node.func, cst.Attribute):
        new = node.with_deep_changes(node.func, attr=cst.Name(_MODES[name]))
        yield Edit(node, new, "detach", f"{name} becomes {_MODES[name]}")
        return
    if name == "detach" and receiver is not None:
        yield Edit(node, receiver, "detach", "detach is dropped")
        return
    if name in _VARIANCES and not any(a.keyword and a.keyword.value in _CHOICES for a in node.args):
        more = cst.Arg(
            cst.Name("False"), keyword=cst.Name("unbiased"),
            equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")),
        )  # fmt: skip
        new = node.with_changes(args=[*_with_commas(node.args), more])
        yield Edit(node, new, "flag", "unbiased=False is added")
    plain = len(node.args) == 1 and node.args[0].keyword is None and not node.args[0].star
    if receiver is None or name in _NUMBERS:
        return
    if isinstance(receiver, cst.Call) and _method(receiver) == "super":
        return
    if not node.args and not isinstance(receiver, cst.Name):
        yield Edit(node, parenthesized(receiver), "call", f"{name} is dropped")
    elif not node.args and isinstance(receiver, cst.Name) and receiver.value != "self":
        yield Edit(node, receiver, "call", f"{name} is dropped")
    elif plain and isinstance(receiver, cst.Name) and receiver.value == "torch":
        yield Edit(node, parenthesized(node.args[0].value), "call", f"{name} is dropped")


def _may_give_tensor(call: cst.Call) -> bool:
    """Not `detach`, which has done it, nor numbers, builtins and classes."""
    name = _method(call)
    is_plain = isinstance(call.func, cst.Name)
    return not (
        name == "detach" or name in _NUMBERS
        or (is_plain and (hasattr(builtins, name) or name[:1].isupper()))
    )  # fmt: skip


def _with_commas(args: object) -> list[cst.Arg]:
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    return [a.with_changes(comma=comma) for a in args]  # type: ignore[attr-defined]  # a sequence


def _method(node: cst.Call) -> str:
    name = ""
    if isinstance(node.func, cst.Attribute):
        name = node.func.attr.value
    elif isinstance(node.func, cst.Name):
        name = node.func.value
    return name


def _whole(node: cst.BaseExpression) -> int | None:
    if isinstance(node, cst.Integer):
        return int(ast.literal_eval(node.value))
    if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Minus):
        inner = _whole(node.expression)
        return None if inner is None else -inner
    return None


def _axes_of(node: cst.Tuple | cst.List, elements: list[cst.BaseElement]) -> cst.CSTNode:
    """The same brackets around other elements, commas between them."""
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    last = cst.Comma() if len(elements) == 1 and isinstance(node, cst.Tuple) else None
    written = [e.with_changes(comma=comma) for e in elements[:-1]]
    written.append(elements[-1].with_changes(comma=last or cst.MaybeSentinel.DEFAULT))
    fewer = node.with_changes(elements=written)
    return parenthesized(fewer) if isinstance(node, cst.Tuple) else fewer
