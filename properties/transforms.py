"""Laws of the family `layouts` about torch's transforms: another way to call, the same answer."""

from __future__ import annotations

import os
import shutil
import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from tnverify.catalogue import law
from tnverify.contract import Run, SubjectRaised
from tnverify.contract.outcomes import first_line
from tnverify.tolerances import expect, expect_close, not_claimed, says_nothing, unit, violate

from .agreement import computed_in, deviation, expect_alike, twice, weight_of
from .differences import HANDLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from tnverify.contract import Norm, Prober, Task


_NOT_YET = ("NYI", "Batching rule not implemented")
"""How torch's messages begin where a transform, not the layer, lacks something."""


class _Whole(nn.Module):
    """One task from end to end as a module: (context, targets) -> both outputs.

    The layer is registered, so that transforms of modules find its parameters.
    """

    def __init__(self, norm: Norm, layer: nn.Module | None) -> None:
        super().__init__()
        self.norm = norm
        self.layer = layer

    def forward(self, context: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        outputs, state = self.norm.condition(context)
        return outputs, self.norm.normalize(targets, state)


def _transformed(name: str, call: Callable[[], Any], like: tuple[Tensor, Tensor]) -> Run:
    """What the transformed layer gives. The layer ran without the transform, so whatever is
    raised now is between the two of them: a violation."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the transforms' own, which say nothing of the layer
            answer = call()
    except Exception as error:  # noqa: BLE001 - transforms raise errors of many kinds
        if isinstance(error, NotImplementedError) or str(error).startswith(_NOT_YET):
            not_claimed(f"{name} does not offer what the layer uses: {first_line(error)}")
        violate(
            f"{name} raised {type(error).__name__}: {first_line(error)}",
            symptom="form",
            expected="an answer",
            actual=type(error).__name__,
        )
    for outputs, wanted in zip(answer, like, strict=True):
        expect(
            outputs.shape == wanted.shape,
            f"{name}: outputs have shape {tuple(outputs.shape)}, not {tuple(wanted.shape)}",
            symptom="form",
        )
    return Run(*(outputs.detach() for outputs in answer))


@law(
    family="layouts",
    kind="rounded",
    level="should",
    source="protocol: torch.func.functional_call, as inner loops of MAML use it",
)
def functional_call_agrees_with_eager(norm: Prober, task: Task) -> None:
    """Parameters passed through `torch.func.functional_call` are the ones that are used.

    The law builds the layer with other parameters and passes this task's. A violation means
    that a parameter was put aside when the layer was built, so that the fast weights of an
    inner loop are ignored in silence.
    """
    run, allowed = norm.run(task), twice(norm.bound(task))
    wanted = norm.fresh(task)
    if wanted.module is None:
        not_claimed("the subject is no torch module")
    passed = {f"layer.{k}": v.detach().clone() for k, v in wanted.module.named_parameters()}
    if not passed:
        not_claimed("the layer has no parameters")
    # Only what functional_call replaces may differ: parameters, not buffers or plain tensors.
    held = {id(parameter) for parameter in wanted.module.parameters()}
    fixed = {h for h in HANDLES if norm.has(h) and id(wanted.parameter(h)) not in held}
    changes: dict[str, object] = {}
    if "weight" not in fixed:
        changes["weight"] = (1.0,) * task.channels
    if "bias" not in fixed:
        changes["bias"] = (0.0,) * task.channels
    if not fixed & {"scale", "offset", "alpha"}:
        changes |= {"scale": 0.0, "offset": 0.0}
    other = norm.fresh(task.with_parameters(**changes))
    whole = _Whole(other.norm, other.module)
    came = _transformed(
        "functional_call",
        lambda: torch.func.functional_call(whole, passed, (task.context, task.targets)),
        (task.context, task.targets),
    )
    expect_alike(came, run, allowed, "through functional_call")


@law(
    family="layouts",
    kind="rounded",
    level="should",
    max_tasks=20,
    source="protocol: torch.func.vmap over the tasks of a meta-batch",
)
def vmap_over_tasks_agrees_with_a_loop(norm: Prober, task: Task) -> None:
    """Mapping the layer over a batch of tasks gives what each task gives alone.

    A violation means that a custom Function's rule for vmap confuses the tasks' dimension with
    the items', or that vmap cannot run the layer at all: its state is written in place, or a
    value decides what is computed.
    """
    turned = task.with_sets(-task.context, -task.targets)
    # Where the tasks' dimension lies may differ between the sets, and need not be the first.
    places = ((0, 0), (1, 0), (0, 2), (2, 1))[task.salt % 4]
    stacked = [
        torch.stack([getattr(t, name) for t in (task, turned)], place)
        for name, place in zip(("context", "targets"), places, strict=True)
    ]
    runs = (norm.run(task), norm.run(turned))
    # A formula errs alike where the sign is turned; an activation behind it does not.
    bounds = (norm.bound(task), norm.bound(task if norm.claims.has_formula else turned))
    whole = _Whole(norm.fresh(task).norm, None)
    like = (stacked[0].movedim(places[0], 0), stacked[1].movedim(places[1], 0))
    came = _transformed("vmap", lambda: torch.func.vmap(whole, places)(*stacked), like)
    for position, (run, bound) in enumerate(zip(runs, bounds, strict=True)):
        one = Run(came.context[position], came.targets[position])
        expect_alike(one, run, twice(bound), f"of task {position} of two under vmap")


def _has_compiler() -> bool:
    named = os.environ.get("CXX")
    return any(shutil.which(name) for name in (named, "g++", "clang++") if name)


def _expect_telling(norm: Prober, task: Task) -> None:
    """Say nothing about a task that hardly any defect would show on: it may be the only one."""
    if not bool(deviation(task.context).any()) or not bool(weight_of(norm, task).any()):
        says_nothing("a constant context, or weights of zero, hide what is computed")


@law(
    family="layouts",
    kind="rounded",
    level="should",
    lanes=("native",),
    max_tasks=1,
    thorough_only=True,
    source="protocol: torch.compile",
)
def torch_compile_agrees_with_eager(norm: Prober, task: Task) -> None:
    """The compiled layer gives what the eager one gives, and its gradients.

    A violation means that compiling changes the meaning: a branch that is taken only while
    tracing, state that the compiler does not see, or a backward that is traced otherwise than it
    runs. Exporting traces too, but does not compile.
    """
    if task.device.type == "cpu" and not _has_compiler():
        not_claimed("no C++ compiler is present, which torch.compile needs on CPU")
    _expect_telling(norm, task)
    run, allowed = norm.run(task), twice(norm.bound(task))
    whole = _Whole(norm.fresh(task).norm, None)
    try:
        came = _transformed(
            "compile",
            lambda: torch.compile(whole)(task.context, task.targets),
            (task.context, task.targets),
        )
    finally:
        torch.compiler.reset()
    expect_alike(came, run, allowed, "when compiled")
    _expect_compiled_gradients(norm, task)


def _expect_compiled_gradients(norm: Prober, task: Task) -> None:
    """The compiled layer has the gradients of the eager one, by both sets and all parameters.

    Traced with its backward as one program, but run by torch itself: generating code for a
    backward takes another minute and is the compiler's affair.
    """
    found = []
    for compiled in (False, True):
        probe = norm.fresh(task, lend=True)
        whole: Any = _Whole(probe.norm, None)
        sets = [values.clone().requires_grad_() for values in (task.context, task.targets)]
        parameters = [] if probe.module is None else list(probe.module.parameters())
        leaves = [*sets, *(each for each in parameters if each.requires_grad)]
        call = torch.compile(whole, backend="aot_eager") if compiled else whole
        try:
            with warnings.catch_warnings(), torch.enable_grad():
                warnings.simplefilter("ignore")  # the compiler's own
                first, second = call(*sets)
                loss = (first.square().sum() + 2 * first.sum()) / 4 + second.square().sum()
                found.append(probe.grad(loss, leaves))
        except (SubjectRaised, RuntimeError) as raised:
            if not compiled:
                says_nothing(f"the eager layer takes no gradient: {first_line(raised)}")
            violate(
                f"backward of the compiled layer: {first_line(raised)}",
                symptom="raised",
                expected="a gradient",
                actual=type(raised).__name__,
            )
        finally:
            torch.compiler.reset()
    eager, traced = found
    largest = max((float(each.abs().max()) for each in eager if each.numel()), default=0.0)
    room = 4096 * unit(computed_in(norm, task)) * (8 + task.context.numel()) * largest
    for came, wanted in zip(traced, eager, strict=True):
        expect_close(
            came, wanted, room, "a gradient through the compiled layer", symptom="gradient"
        )


@law(
    family="layouts",
    kind="rounded",
    level="should",
    lanes=("native",),
    max_tasks=1,
    thorough_only=True,
    source="protocol: torch.export",
)
def torch_export_agrees_with_eager(norm: Prober, task: Task) -> None:
    """The exported layer gives what the eager one gives.

    A violation means that the exported program computes something else, or that there is none:
    state is kept outside of what a program can carry. Compiling may fall back to Python there.
    """
    _expect_telling(norm, task)
    run, allowed = norm.run(task), twice(norm.bound(task))
    probe = norm.fresh(task)
    whole = _Whole(probe.norm, probe.module)
    came = _transformed(
        "export",
        lambda: torch.export.export(whole, (task.context, task.targets), strict=False).module()(
            task.context, task.targets
        ),
        (task.context, task.targets),
    )
    expect_alike(came, run, allowed, "when exported")


TRANSFORMS = (
    functional_call_agrees_with_eager,
    vmap_over_tasks_agrees_with_a_loop,
    torch_compile_agrees_with_eager,
    torch_export_agrees_with_eager,
)
