"""Programs for torch alone, which make the calls that a law made: for readers without tnverify."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from tnverify.engine.tasks_json import values_of
from tnverify.subjects.guard import Hang, time_limit
from tnverify.subjects.spec import Unusable
from tnverify.subjects.starting import SEED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tnverify.catalogue.laws import Law
    from tnverify.contract.task import Task
    from tnverify.subjects.recipe import SubjectRecipe
    from tnverify.subjects.spec import Spec
    from tnverify.subjects.trace import Call

MOST_CALLS = 8
"""More calls than these make no program that anybody reads."""

_MOST_VALUES = 64

_TEMPLATE = '''\
"""{spec}, called as when {law} failed.

{statement}
Plain torch, without tnverify: what came then stands beside what comes now.
"""

{imports}

torch.set_num_threads(1)
inf, nan = float("inf"), float("nan")
{load}

def build():
    torch.manual_seed({seed})
    layer = {build}
{prepared}
    return layer


def tensor(values):
    return torch.tensor(values, dtype={dtype})


def compare(what, now, then):
    global same
    alike = now.shape == then.shape and torch.allclose(now, then, equal_nan=True)
    same = same and alike
    print(what, "gives", now.tolist(), "as it did" if alike else f"where it gave {{then.tolist()}}")


same = True
{calls}
'''


def standalone(law: Law, recipe: SubjectRecipe, task: Task, calls: Sequence[Call]) -> str:
    """The program's text; empty where the calls are many, where the layer is called in a way that
    takes more than calls to write down, and where the program answers otherwise than the layer
    did when it is tried."""
    try:
        text = _text(law, recipe, task, calls)
        return text if text and _answers_alike(text) else ""
    except Unusable:
        return ""


def _text(law: Law, recipe: SubjectRecipe, task: Task, calls: Sequence[Call]) -> str:
    found = recipe.found
    if found is None or not recipe.is_named or recipe.setup is not None or not _fits(task, calls):
        return ""
    written = _CALLS.get(found.adapter)
    if written is None or found.lazy or found.unseeded or "alpha" in found.handles:
        return ""
    spec = recipe.portable().parsed()
    if spec.says("model") or spec.says("norm") or spec.path is not None:
        return ""
    file = spec.module.endswith(".py")
    lines = [line for call in _with_states(calls) for line in written(*call)]
    return _TEMPLATE.format(
        spec=recipe.spec.replace('"""', "'''").replace("\\", "\\\\"),
        law=law.name,
        statement=law.statement,
        imports=("import importlib.util\n" if file else "") + "import sys\n\nimport torch",
        load=_load(spec),
        seed=SEED,
        build=_build(spec, task),
        prepared="\n".join(_prepared(recipe, task)),
        dtype=str(task.dtype),
        calls="\n".join(lines),
    )


def _fits(task: Task, calls: Sequence[Call]) -> bool:
    plain = not task.past and not task.parameters.spread
    return plain and 0 < len(calls) <= MOST_CALLS and all(map(_is_written, calls))


def _is_written(call: Call) -> bool:
    return (
        call.during in ("condition", "normalize")
        and call.given.numel() <= _MOST_VALUES
        and call.given.numel() > 0
        and isinstance(call.answer, torch.Tensor)
    )


def _load(spec: Spec) -> str:
    """Python that makes the layer's class or function known as `layer_class`."""
    name = spec.name
    if not spec.module.endswith(".py"):
        here = 'sys.path.insert(0, "")  # what lies in the directory at hand can be imported'
        return f"{here}\n\nimport {spec.module}\n\nlayer_class = {spec.module}.{name}\n"
    beside = str(Path(spec.module).parent)
    return (
        f"sys.path.insert(0, {beside!r})  # what lies beside the layer can be imported\n\n"
        f"place = importlib.util.spec_from_file_location('the_layer', {spec.module!r})\n"
        "module = importlib.util.module_from_spec(place)\n"
        f"place.loader.exec_module(module)\n\nlayer_class = module.{name}\n"
    )


def _build(spec: Spec, task: Task) -> str:
    positional, keywords = spec.arguments(task.channels, task.spatial)
    given = [repr(value) for value in positional]
    given += [f"{name}={value!r}" for name, value in keywords.items()]
    return f"layer_class({', '.join(given)})"


def _prepared(recipe: SubjectRecipe, task: Task) -> Iterator[str]:
    """Lines that give the layer its dtype, its mode and the task's parameters."""
    found, parameters = recipe.found, task.parameters
    assert found is not None
    yield f"    layer = layer.to({task.dtype})"
    if found.adapter in ("in_eval", "explicit_state"):
        yield "    layer.eval()"
    values = {"weight": parameters.weight, "bias": parameters.bias}
    filled = {"scale": parameters.scale, "offset": parameters.offset}
    lines = [
        f"        layer.{found.handles[handle]}.copy_("
        f"torch.tensor({list(each)!r}).reshape(layer.{found.handles[handle]}.shape))"
        for handle, each in values.items()
        if each is not None and handle in found.handles
    ]
    lines += [
        f"        layer.{found.handles[handle]}.fill_({value!r})"
        for handle, value in filled.items()
        if handle in found.handles
    ]
    if lines:
        yield "    with torch.no_grad():"
        yield from lines


_Written = tuple[int, "Call", bool]
"""The number of a layer, its call, and whether it is that layer's first."""


def _with_states(calls: Sequence[Call]) -> Iterator[_Written]:
    seen: set[int] = set()
    for call in calls:
        yield call.instance, call, call.instance not in seen
        seen.add(call.instance)


def _called(number: int, call: Call, first: bool, lines: Sequence[str]) -> Iterator[str]:
    assert isinstance(call.answer, torch.Tensor)
    if first:
        yield f"\nlayer_{number} = build()"
    yield f"given = tensor({_literal(call.given)})"
    yield from lines
    then = f"tensor({_literal(call.answer)})"
    yield f'compare("layer {number}: {call.during}", answer.detach(), {then})'


def _simply(number: int, call: Call, first: bool) -> Iterator[str]:
    return _called(number, call, first, [f"answer = layer_{number}(given)"])


def _by_mode(number: int, call: Call, first: bool) -> Iterator[str]:
    mode = "train" if call.during == "condition" else "eval"
    lines = [
        f"if layer_{number}.training is not {mode == 'train'}:",
        f"    layer_{number}.{mode}()",
    ]
    return _called(number, call, first, [*lines, f"answer = layer_{number}(given)"])


def _explicitly(number: int, call: Call, first: bool) -> Iterator[str]:
    line = (
        f"answer, state_{number} = layer_{number}.condition(given)"
        if call.during == "condition"
        else f"answer = layer_{number}.normalize(given, state_{number})"
    )
    return _called(number, call, first, [line])


_CALLS = {
    "no_context": _simply,
    "in_eval": _simply,
    "mode_flag": _by_mode,
    "explicit_state": _explicitly,
}
"""How the calls of each adapter are written that a few lines can write."""


def _literal(values: torch.Tensor) -> str:
    """The values as Python: NaN and infinities by the names that the program gives them."""
    return (
        str(values_of(values))
        .replace("'NaN'", "nan")
        .replace("'Infinity'", "inf")
        .replace("'-Infinity'", "-inf")
    )


def _answers_alike(text: str) -> bool:
    """Whether the program answers as the layer did, when it is tried in this process."""
    names: dict[str, Any] = {"__name__": "__main__"}
    threads = torch.get_num_threads()
    try:
        with contextlib.redirect_stdout(io.StringIO()), time_limit(), torch.random.fork_rng([]):
            exec(compile(text, "standalone.py", "exec"), names)  # noqa: S102 - written here
    except (Exception, SystemExit, Hang):  # noqa: BLE001 - a layer may raise anything
        return False
    finally:
        torch.set_num_threads(threads)
    return names.get("same") is True
