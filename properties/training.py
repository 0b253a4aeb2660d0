"""Meta-training: what a layer answers there, and what it keeps of it.

Batch normalisation and its kin train on moments of the batch and keep running ones for later
(paper, section 3.1 and appendices A.1, B). What is wrong there shows at meta-test as a learner
that trains badly or predicts with moments that nobody had, never as an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from tnverify import oracle
from tnverify.catalogue import law
from tnverify.contract import SubjectRaised
from tnverify.contract.outcomes import first_line
from tnverify.oracle import training as formula
from tnverify.tolerances import (
    expect,
    expect_close,
    expect_finite,
    expect_same,
    not_claimed,
    rounding_bound,
    says_nothing,
    too_wide,
    unit,
    violate,
)

from .derived import answers, reach, seeded, weights_for
from .steps import Moments, drawn_moments, kept, moments_of, step

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tnverify.contract import Claims, Draw, Probe, Prober, Task

FAMILY = "training"
_BATCH = "section 3.1, eqs. (3), (4) over the batch; section 3, trains as"
_RUNNING = "section 3.1, running moments"
_HANDLES = ("running_mean", "running_var")


def unless_it_trains_by_a_formula(claims: Claims) -> str | None:
    """Why the law is not claimed: no formula says what the layer gives in meta-training."""
    if claims.scheme.trains_as is None:
        return f"{claims.scheme.called} says nothing of meta-training"
    return None


def unless_gradients_follow_it(claims: Claims) -> str | None:
    """Why the law is not claimed: as above, or moments are cut off by declaration."""
    return (
        "the layer declares detached moments"
        if claims.detached
        else (unless_it_trains_by_a_formula(claims))
    )


def unless_it_keeps_moments(claims: Claims) -> str | None:
    """Why the law is not claimed: the scheme keeps no running moments."""
    if claims.has_formula and claims.scheme.reads_past:
        return None
    return f"{claims.scheme.called} does not claim running moments"


@law(
    family=FAMILY,
    kind="rounded",
    source=_BATCH,
    claimed=unless_it_trains_by_a_formula,
    max_tasks=30,
)
def training_outputs_agree_with_the_formula(norm: Prober, task: Task, draw: Draw) -> None:
    """In meta-training each set is normalised by its own moments, and corrected as claimed.

    A violation means that the learner trains on other values than the scheme's: running moments
    that are used too early, a correction behind the affine, limits that are not those of Ioffe's
    [1 / r_max, r_max] and [-d_max, d_max]. At meta-test nothing of it shows.
    """
    step(norm, task, draw).expect_formula()


@law(
    family=FAMILY,
    kind="rounded",
    source=f"{_BATCH}; Ioffe 2017: r and d are constants to the gradient",
    claimed=unless_gradients_follow_it,
    lanes=("float64",),
    max_tasks=20,
)
def training_gradients_are_those_of_the_formula(norm: Prober, task: Task, draw: Draw) -> None:
    """The gradient that meta-training follows is that of normalising by the batch's moments.

    A violation with the outputs right means that moments are cut off from the graph, that Ioffe's
    r and d are not, or that a hand-written backward uses what the running update has overwritten.
    """
    made = step(norm, task, draw, gradients=True)
    made.expect_formula()
    made.expect_gradient(draw)


@law(family=FAMILY, kind="exact", source=_RUNNING, max_tasks=12)
def a_training_step_counts_once(norm: Prober, task: Task, draw: Draw) -> None:
    """A backward pass moves nothing that the layer keeps, and tracking gradients moves no more.

    A violation is a forward pass that is run again for backward (activation checkpointing) and
    counts its batch twice, or an update that is made only where gradients are tracked or an input
    requires one: frozen backbones then keep their first moments.
    """
    found: dict[str, dict[str, Tensor]] = {}
    for how in ("without gradients", "by parameters alone", "by the inputs too"):
        probe = norm.fresh(task)
        sets = [
            values.clone().requires_grad_(how == "by the inputs too")
            for values in (task.context, task.targets)
        ]
        with torch.set_grad_enabled(how != "without gradients"), seeded(task.salt):
            outputs = probe.observe(*sets)
        found[how] = kept(norm, probe)
        if not found[how]:
            not_claimed("the layer keeps nothing of meta-training that could be read")
        if not all(bool(held.isfinite().all()) for held in found[how].values()):
            says_nothing("this batch leaves values that are not finite, which other laws are about")
        if outputs is None or not any(out.requires_grad for out in outputs):
            continue
        leaves = [each for each in sets if each.requires_grad]
        if probe.module is not None:
            leaves += [each for each in probe.module.parameters() if each.requires_grad]
        weights = [weights_for(draw, out) for out in outputs]
        loss = sum((out * w).sum() for out, w in zip(outputs, weights, strict=True))
        probe.grad(loss, leaves)  # type: ignore[arg-type]  # a sum of two tensors is one
        for name, after in kept(norm, probe).items():
            before = found[how][name]
            expect_same(after, before, f"{name} after the backward pass", symptom="state")
    first, *others = found
    allowed = _drift(task)
    for how in others:
        for name, values in found[how].items():
            wanted = found[first][name]
            room = allowed * (1 + wanted.abs().double())
            expect_close(
                values, wanted, room, f"{name} after training {how}, not {first}", symptom="state"
            )


def _drift(task: Task) -> float:
    """How far another kernel may move what is kept of a set, as a share of one plus its size."""
    peak = max((float(x.abs().max()) for x in (task.context, task.targets) if x.numel()), default=0)
    count = max(1, task.context.numel(), task.targets.numel())
    return unit(task.dtype) * (8 + count) * (1 + peak) ** 2


@law(
    family=FAMILY,
    kind="rounded",
    source=_RUNNING,
    claimed=unless_it_keeps_moments,
    needs=_HANDLES,
    max_tasks=24,
)
def running_moments_move_towards_the_batch(norm: Prober, task: Task, draw: Draw) -> None:
    """Running moments go a part of the way to the batch's, the same part in mean and variance.

    How large a part is the layer's to say, and may shrink as batches are counted. The variance
    of the batch may be the biased or the unbiased one. A violation means that one of the two is
    not updated, or by another momentum, that a channel is left behind, or that the deviation or
    the mean square is kept where the variance is read.
    """
    before, after, batches = _moved(norm, task, draw)
    part, room = _part_of_the_way(before.mean, after.mean, batches[0].mean, _room(task, 1))
    expect(
        part + room > 0 and part <= 1 + room,
        f"the running mean went {part:.4g} of the way to the batch's",
        symptom="state",
    )
    wanted = before.mean + part * (batches[0].mean - before.mean)
    allowed = (
        _room(task, 1) * (1 + before.mean.abs()) + room * (batches[0].mean - before.mean).abs()
    )
    expect_close(after.mean, wanted, allowed, "the running mean", symptom="state")
    own = _room(task, 2) * (1 + before.var.abs())

    def misses(way: Tensor) -> float:
        off = (after.var - before.var - part * way).abs()
        return float((off / (own + room * way.abs())).max())

    nearest = min((batch.var - before.var for batch in batches), key=misses)
    allowed, wanted = own + room * nearest.abs(), before.var + part * nearest
    expect_close(after.var, wanted, allowed, "the running variance", symptom="state")


def _moved(norm: Prober, task: Task, draw: Draw) -> tuple[Moments, Moments, list[Moments]]:
    """Running moments before and after a step whose two sets are the context, and the batch's,
    with its biased variance, its unbiased one, and that of both sets as one."""
    reach(task, 64)
    probe = norm.fresh(task)
    drawn_moments(norm, probe, draw)
    before = moments_of(norm, probe)
    count = task.context.numel() // task.channels
    if count < 2:
        says_nothing("a single value a channel has no spread")
    with torch.no_grad():
        probe.observe(task.context.clone(), task.context.clone())
    after = moments_of(norm, probe)
    assert before is not None
    assert after is not None
    own = formula.trained(task.context.double().cpu().numpy(), eps=0.0)
    mean, var = (torch.tensor(each) for each in (own.mean, own.var))
    shares = (1.0, count / (count - 1), 2 * count / (2 * count - 1))
    return before, after, [Moments(mean, var * share) for share in shares]


def _room(task: Task, power: int) -> float:
    """What rounding may do to a mean (power 1) or a variance (2) of the context, generously."""
    peak = float(task.context.abs().max())
    count = task.context.numel() // task.channels
    return 4 * unit(task.dtype) * (8 + count) * (1 + peak) ** power


def _part_of_the_way(
    before: Tensor, after: Tensor, batch: Tensor, allowed: float
) -> tuple[float, float]:
    """Which part of the way the values went, told by the one that had the longest, and how well
    that is known."""
    gap = batch - before
    longest = int(gap.abs().argmax())
    way = float(gap[longest])
    room = allowed * (1 + float(before[longest].abs())) / max(abs(way), 1e-300)
    if not room < 1e-2:
        says_nothing("the batch's mean is too near to the running one to tell how far it moved")
    return float((after - before)[longest]) / way, room


@law(
    family=FAMILY,
    kind="rounded",
    level="should",
    source=_RUNNING,
    claimed=unless_it_keeps_moments,
    needs=(*_HANDLES, "momentum"),
    max_tasks=12,
)
def running_moments_move_by_the_momentum_that_is_shown(
    norm: Prober, task: Task, draw: Draw
) -> None:
    """Running moments move by the layer's `momentum`, in one of its two conventions.

    torch weighs the new batch by it, TensorFlow and JAX what was there before: 0.1 here is 0.9
    there. A violation means that neither is done: the number is ignored, or applied twice.
    """
    before, after, batches = _moved(norm, task, draw)
    part, room = _part_of_the_way(before.mean, after.mean, batches[0].mean, _room(task, 1))
    momentum = float(norm.fresh(task).parameter("momentum"))
    # The step moves them once or, where both sets count, twice towards the same moments.
    told = [1 - (1 - share) ** times for share in (momentum, 1 - momentum) for times in (1, 2)]
    expect(
        min(abs(part - each) for each in told) <= room + 1e-6,
        f"the running mean went {part:.4g} of the way to the batch's, which no momentum of"
        f" {momentum:g} makes",
        symptom="state",
    )


@law(family=FAMILY, kind="exact", source=_RUNNING, max_tasks=8)
def a_batch_of_one_value_leaves_no_nan(norm: Prober, task: Task) -> None:
    """A batch of one value a channel is refused, or leaves the layer usable.

    The last batch of an epoch may be that small. The unbiased variance of one value is NaN, and a
    running average that took it in never loses it. Skip such batches, or raise.
    """
    probe, few = norm.fresh(task), _one_value(task)
    if not _refuses(probe, few):
        _expect_usable(norm, probe, task, few)


@law(family=FAMILY, kind="exact", level="should", source=_RUNNING, max_tasks=8)
def a_refused_batch_leaves_no_nan(norm: Prober, task: Task) -> None:
    """A layer that refuses a batch of one value a channel is usable afterwards.

    A training loop that skips what raises goes on with the layer. Running moments that took the
    batch in before it was refused hold NaN from then on. Refuse first, then take moments.
    """
    probe, few = norm.fresh(task), _one_value(task)
    if not _refuses(probe, few):
        not_claimed("the layer refuses no batch of one value a channel")
    _expect_usable(norm, probe, task, few)


@law(family=FAMILY, kind="exact", level="should", source=_RUNNING, max_tasks=8)
def an_empty_batch_leaves_no_nan(norm: Prober, task: Task) -> None:
    """A batch without any item is refused, or leaves the layer usable.

    Filtering may leave a batch empty. The mean of nothing is NaN, and a running average that took
    it in never loses it. Skip such batches, or raise.
    """
    probe, few = norm.fresh(task), task.context[:0].clone()
    _refuses(probe, few)  # refused aloud, it goes on all the same
    _expect_usable(norm, probe, task, few)


def _one_value(task: Task) -> Tensor:
    corner = (slice(0, 1), slice(None), *(slice(0, 1) for _ in task.spatial))
    return task.context[corner].clone()


def _refuses(probe: Probe, few: Tensor) -> bool:
    """Take a training step on so few values; whether the layer refuses it."""
    try:
        with torch.no_grad():
            probe.observe(few.clone(), few.clone())
    except SubjectRaised:
        return True
    return False


def _expect_usable(norm: Prober, probe: Probe, task: Task, few: Tensor) -> None:
    """After a training step on so few values, or its refusal, the layer is as finite as before."""
    what = f"after a batch of {len(few)} items in meta-training"
    for name, values in kept(norm, probe).items():
        expect_finite(values, f"{name} {what}")
    run = norm.run(task)
    outputs = answers(probe, task.context, task.targets)
    for came, before in zip(outputs, run, strict=True):
        if bool(torch.isfinite(before).all()):
            expect_finite(came, f"outputs {what}")


@law(
    family=FAMILY,
    kind="rounded",
    source="section 3.1: at meta-test the running moments normalise",
    claimed=lambda claims: unless_it_keeps_moments(claims) or unless_it_trains_by_a_formula(claims),
    needs=_HANDLES,
    max_tasks=24,
)
def outputs_follow_running_moments_of_any_size(norm: Prober, task: Task, draw: Draw) -> None:
    """At meta-test outputs are (x - running mean) / sqrt(running variance + eps), whatever these.

    Running moments are put to zero, tiny and huge variances and to means far from zero, as a
    trained network has them and a few tasks never make. A violation means that small variances
    are clamped, that a moment is read from somewhere else, or that one is folded in too early.
    """
    probe = norm.fresh(task)
    if not drawn_moments(norm, probe, draw):
        not_claimed("the layer computes its running moments from others")
    moments = moments_of(norm, probe)
    assert moments is not None
    parameters = task.parameters
    weight = parameters.weight if norm.has("weight") else None
    bias = parameters.bias if norm.has("bias") else None
    wanted = oracle.answer(
        norm.claims.scheme.name,
        task.context.double().cpu().numpy(),
        task.targets.double().cpu().numpy(),
        weight=weight,
        bias=bias,
        eps=norm.eps,
        running=oracle.Moments(moments.mean.numpy(), moments.var.numpy()),
    )
    wide = task.dtype in (torch.float32, torch.float64)
    own = task.dtype if wide and not norm.claims.float32 else torch.float32
    outputs = answers(probe, task.context, task.targets)
    for name, came, part in zip(("context", "target"), outputs, wanted, strict=True):
        bound = rounding_bound(
            part, weight=weight, bias=bias, unit=unit(own),
            storage_unit=0.0 if wide else unit(task.dtype),
        )  # fmt: skip
        if too_wide(bound, part, weight=weight):
            says_nothing("rounding alone may move the outputs too far to tell")
        expect_close(
            came.cpu(),
            torch.from_numpy(part.outputs),
            torch.from_numpy(bound),
            f"{name} outputs with running means {moments.mean.tolist()[:3]} and variances"
            f" {moments.var.tolist()[:3]}",
        )


@law(
    family=FAMILY,
    kind="exact",
    source="section 3.1: running moments are of meta-training alone",
    claimed=unless_it_keeps_moments,
    needs=_HANDLES,
    max_tasks=12,
)
def meta_test_leaves_running_moments_alone(norm: Prober, task: Task) -> None:
    """Conditioning and predicting change no running moment, by not a bit.

    A violation means that the layer goes on learning where it is evaluated: every task then sees
    the ones before it. Whether outputs show it depends on how far the moments went.
    """
    probe = norm.fresh(task)
    before = moments_of(norm, probe)
    answers(probe, task.context, task.targets)
    after = moments_of(norm, probe)
    assert before is not None
    assert after is not None
    expect_same(after.mean, before.mean, "the running mean after a task", symptom="state")
    expect_same(after.var, before.var, "the running variance after a task", symptom="state")


@law(
    family=FAMILY,
    kind="rounded",
    level="should",
    lanes=("native",),
    max_tasks=1,
    thorough_only=True,
    source="protocol: torch.compile in meta-training",
)
def the_compiled_training_step_keeps_the_same(norm: Prober, task: Task, draw: Draw) -> None:
    """A training step that is compiled as one graph leaves what the eager one leaves.

    A violation means that the update of running moments breaks the graph (a count read as a
    number), is dropped while tracing, or is made twice, by forward and by backward.
    """
    found = []
    for compiled in (False, True):
        probe = norm.fresh(task, lend=True)  # a leaf: tracing asks for its gradient
        module = probe.module
        if module is None or type(module).forward is torch.nn.Module.forward:
            not_claimed("the layer is called by methods of its own, which nothing compiles")
        if compiled:
            _compile(module)
        context = task.context.clone().requires_grad_()
        try:
            with torch.enable_grad():
                outputs = probe.observe(context, task.targets.clone())
                if outputs is not None:
                    probe.grad(outputs[0] * weights_for(draw, outputs[0]), [context])
        except SubjectRaised as raised:
            if not compiled:
                says_nothing("the eager step is refused; other laws speak of that")
            violate(
                f"the compiled training step: {type(raised.error).__name__}:"
                f" {first_line(raised.error)}",
                symptom="state",
            )
        finally:
            torch.compiler.reset()
        found.append(kept(norm, probe))
    eager, graph = found
    if not eager:
        not_claimed("the layer keeps nothing of meta-training that could be read")
    for name, values in graph.items():
        room = _drift(task) * (1 + eager[name].abs().double())
        expect_close(values, eager[name], room, f"{name} after a compiled step", symptom="state")


def _compile(module: nn.Module) -> None:
    """Let the layer's forward be traced as one graph, its backward too; no compiler is needed."""
    forward = module.forward

    # A function of this file: frames of torch's own modules are not traced on their own.
    def traced(x: Tensor) -> Any:
        return forward(x)

    module.forward = torch.compile(traced, fullgraph=True, backend="aot_eager")


LAWS = (
    training_outputs_agree_with_the_formula,
    training_gradients_are_those_of_the_formula,
    a_training_step_counts_once,
    running_moments_move_towards_the_batch,
    running_moments_move_by_the_momentum_that_is_shown,
    a_batch_of_one_value_leaves_no_nan,
    a_refused_batch_leaves_no_nan,
    an_empty_batch_leaves_no_nan,
    outputs_follow_running_moments_of_any_size,
    meta_test_leaves_running_moments_alone,
    the_compiled_training_step_keeps_the_same,
)
