"""Laws of the family `context` about contexts in parts, for layers that offer to take them so.

A layer may offer `condition_shards(shards) -> (outputs of each shard, task state)`, where shards
are parts of one context, any of which may have no items; or `merge_states(states) -> task state`,
where each state was left by conditioning an instance on a part of its own, as processes do. What
offers neither is not claimed here.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch

from tnverify.catalogue import law
from tnverify.contract import SubjectRaised
from tnverify.tolerances import expect, expect_close, not_claimed, says_nothing, violate

from .derived import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from tnverify.contract import Claims, Draw, Probe, Prober, Task

FAMILY = "context"
UNION = "section 4.1, eqs. (3), (4): moments over the context, however it is held"


def unless_it_reads_the_context(claims: Claims) -> str | None:
    """Why the law is not claimed: no output needs to read the context."""
    if "context" in claims.may_read("context") | claims.may_read("target"):
        return None
    return f"{claims.scheme.called} does not read the context"


def unless_gradients_reach_it(claims: Claims) -> str | None:
    """Why the law is not claimed: targets need not read the context, or not by gradients."""
    if "context" not in claims.must_read("target"):
        return f"targets of {claims.scheme.called} need not read the context"
    return "the layer declares detached moments" if claims.detached else None


@law(family=FAMILY, kind="rounded", source=UNION, claimed=unless_it_reads_the_context)
def how_the_context_is_sharded_does_not_matter(norm: Prober, task: Task, draw: Draw) -> None:
    """A context in two to four parts of any sizes gives the outputs that it gives in one piece.

    A violation means that what parts leave is not put together by their counts: means are
    averaged as if parts were equally large, variances without the spread between the parts'
    means, squares are summed raw and lose their digits, alpha gets the size of one part, or a
    part without items counts. Merge counts, means and centred sums of squares.
    """
    shards = _parts(task.context, _sizes(len(task.context), draw))
    sharded = _sharding(norm, task)
    run, bound = norm.run(task), norm.bound(task)
    sizes = ", ".join(str(len(shard)) for shard in shards)
    with torch.no_grad():
        outputs, probe, state = sharded(shards)
        targets = probe.normalize(task.targets.clone(), state)
    expect_close(targets, run.targets, 2 * bound.targets, f"targets after shards of {sizes} items")
    if outputs is not None:
        what = f"context outputs in shards of {sizes} items"
        expect_close(torch.cat(outputs), run.context, 2 * bound.context, what)


@law(family=FAMILY, kind="exact", source=UNION, claimed=unless_gradients_reach_it)
def the_target_loss_reaches_every_shard(norm: Prober, task: Task, draw: Draw) -> None:
    """The target loss has a gradient by every part of the context, as it has by the whole.

    A violation means that parts other than the last, or those of other processes, enter as
    constants: reductions in place and gathered lists are cut from the graph. Use reductions
    with a backward pass.
    """
    if not len(task.targets):
        says_nothing("there are no targets")
    sizes = _sizes(len(task.context), draw)
    missed: set[int] | None = None
    # A derivative may vanish at a point; what is cut off is so whatever the values are.
    for values in (task.context, 4 * draw.uniform(task.context) - 2):
        at = plain(task).with_sets(context=values)
        found = _missed(norm, at, sizes, 0.5 + draw.uniform(task.targets))
        missed = found if missed is None else missed & found
        if not missed:
            return
    expect(
        False, f"the target loss has no gradient by shard {min(missed or ())}", symptom="gradient"
    )


def _missed(norm: Prober, task: Task, sizes: list[int], weights: Tensor) -> set[int]:
    """Which shards the target loss does not reach, though it reaches their items in one piece."""
    shards = [shard.detach().clone().requires_grad_() for shard in _parts(task.context, sizes)]
    _, probe, state = _sharding(norm, task)(shards)
    by_shards = probe.grad(_loss(probe, state, task, weights), shards)
    zero = {i for i, by in enumerate(by_shards) if len(by) and not bool(by.ne(0).any())}
    if not zero:
        return zero
    norm.bound(task)  # where it is too wide, gradients may have underflowed
    whole = task.context.detach().clone().requires_grad_()
    probe = norm.fresh(task)
    _, state = probe.condition(whole)
    (by_whole,) = probe.grad(_loss(probe, state, task, weights), [whole])
    pieces = torch.split(by_whole, sizes)
    return {i for i in zero if bool(pieces[i].ne(0).any())}


def _loss(probe: Probe, state: object, task: Task, weights: Tensor) -> Tensor:
    """A sum of target outputs, with positive weights without a common grid: none cancels."""
    outputs = probe.normalize(task.targets.detach().clone(), state)
    return (outputs * weights).sum()


def _sizes(count: int, draw: Draw) -> list[int]:
    """Sizes of two to four parts of `count` items, in every second task with one of none."""
    cuts = sorted(draw.index(count + 1) for _ in range(1 + draw.index(3)))
    if draw.index(2):
        cuts.insert(0, cuts[0])
    return [b - a for a, b in pairwise([0, *cuts, count])]


def _parts(context: Tensor, sizes: list[int]) -> list[Tensor]:
    return [part.clone() for part in torch.split(context, sizes)]


def _sharding(norm: Prober, task: Task) -> Callable[..., tuple[list[Tensor] | None, Probe, Any]]:
    """What conditions on shards, by the way that the layer offers.

    It returns the outputs of each shard (None where there are none), the instance to ask for
    targets, and the task state. Raises NotClaimed where the layer offers no way.
    """
    probe = norm.fresh(task)
    together, merge = _offered(probe, "condition_shards"), _offered(probe, "merge_states")

    def at_once(shards: list[Tensor]) -> tuple[list[Tensor], Probe, object]:
        answer = _called(probe, task, lambda: together(shards))
        if not (isinstance(answer, tuple) and len(answer) == 2):
            violate(f"condition_shards returned a {type(answer).__name__}", symptom="form")
        outputs = list(answer[0])
        shapes = [getattr(out, "shape", None) for out in outputs]
        expect(
            shapes == [shard.shape for shard in shards],
            f"condition_shards gave outputs of shapes {shapes}",
            symptom="form",
        )
        return outputs, probe, answer[1]

    def merged(shards: list[Tensor]) -> tuple[None, Probe, object]:
        # As on processes of their own: an instance for each part, none for a part of nothing.
        states = [norm.fresh(task).condition(shard)[1] for shard in shards if len(shard)]
        return None, probe, _called(probe, task, lambda: merge(states))

    if together is None and merge is None:
        not_claimed("the layer offers neither condition_shards(shards) nor merge_states(states)")
    return merged if together is None else at_once


def _offered(probe: Probe, name: str) -> Any:
    """The method of this name of the norm or, behind its adapter, of the layer; None without."""
    for holder in (probe.norm, probe.module):
        method = getattr(holder, name, None)
        if callable(method):
            return method
    return None


def _called(probe: Probe, task: Task, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        raised = SubjectRaised(error, "condition")
        raised.probe, raised.given = probe, task.context
        raise raised from error


LAWS = (how_the_context_is_sharded_does_not_matter, the_target_loss_reaches_every_shard)
