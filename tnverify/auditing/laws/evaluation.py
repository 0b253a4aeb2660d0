"""What a whole evaluation returns does not depend on how its items come."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from tnverify.auditing.asking import Reading, differences, same_bits
from tnverify.auditing.driving.evaluating import Call
from tnverify.auditing.laws.declare import INDUCTIVE, AuditLaw, audit_law
from tnverify.auditing.settling import Undecided
from tnverify.contract.outcomes import SaysNothing, SubjectRaised, Violation

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.auditing.driving.evaluating import EvaluationAsker
    from tnverify.contract.draw import Draw

FAMILY = "batching"
_ASKS = ("evaluation",)
_WHY = "Papers that report the number did not choose the batch size, and cannot be compared."
_REMEDY = "Predict every item by itself, gather what was predicted, and compute the metric once."
_SOURCE = "a metric is of its items"
_SHRINKS = 2.0**-10
_ROOM = 64.0


@audit_law(family=FAMILY, kind="rounded", asks=_ASKS, claims=INDUCTIVE, once=True, why=_WHY,
           remedy=_REMEDY, source=_SOURCE)  # fmt: skip
def the_metric_ignores_the_batch_size(asker: EvaluationAsker, call: Call) -> None:
    """What is returned is the same, up to rounding, at every batch size: 1, 2, odd ones, and all.

    A mean of the batches' means, a last batch that is dropped or filled up, and a model that is
    left in training mode show here.
    """
    count = asker.driven.items
    usual = replace(call, batch_size=count)
    for size in dict.fromkeys((1, 2, 3, 5, 7, max(1, count // 2), max(1, count - 1))):
        if size < count:
            _expect_alike(asker, usual, replace(call, batch_size=size),
                          f"at batch size {size} instead of {count}")  # fmt: skip


@audit_law(family=FAMILY, kind="rounded", asks=_ASKS, claims=INDUCTIVE, why=_WHY, remedy=_REMEDY,
           source=_SOURCE)  # fmt: skip
def the_metric_ignores_the_order(asker: EvaluationAsker, call: Call, draw: Draw) -> None:
    """What is returned is the same, up to rounding, in whatever order the items come.

    Predictions that are returned by item stay at the places of their items.
    """
    count = asker.driven.items
    if count < 2:
        raise SaysNothing("it has one item")
    orders = [draw.order(count), list(reversed(range(count)))]
    for order in orders[: 1 + call.number % 2]:
        for size in (call.batch_size, 1):
            _expect_alike(asker, replace(call, batch_size=size), replace(
                call, order=tuple(order), batch_size=size), "with the items in another order",
            )  # fmt: skip


@audit_law(family=FAMILY, kind="rounded", asks=_ASKS, claims=INDUCTIVE, why=_WHY, remedy=_REMEDY,
           source=_SOURCE)  # fmt: skip
def every_item_counts_once(asker: EvaluationAsker, call: Call, draw: Draw) -> None:
    """A last batch that is not full counts as much as its items do, however many are left over.

    Some of the items are evaluated at once and in batches that do not divide them: what is dropped,
    repeated to fill a batch, or written over changes what is returned.
    """
    count = asker.driven.items
    if count < 4:
        raise SaysNothing("it has fewer than four items")
    for _ in range(3):
        kept = tuple(draw.subset(count).nonzero().flatten().tolist())
        if len(kept) < 3:
            continue
        size = next((s for s in (2, 3, 4, 5) if s < len(kept) and len(kept) % s), 2)
        usual = Call(kept, len(kept), number=call.number)
        _expect_alike(asker, usual, replace(usual, batch_size=size),
                      f"for {len(kept)} items in batches of {size}", places=kept)  # fmt: skip


@audit_law(family=FAMILY, kind="exact", asks=_ASKS, once=True, source=_SOURCE)
def the_order_is_obeyed(asker: EvaluationAsker, call: Call) -> None:
    """What is evaluated are the items that the order names: others are not, and none that is not.

    An evaluation that ignores its order cannot be audited by it.
    """
    count = asker.driven.items
    if count < 2:
        raise SaysNothing("it has one item")
    whole = asker.answer(call)
    parts = [
        Call(tuple(range(count // 2)), 4),
        *(Call((place,), 1) for place in range(min(8, count))),
    ]
    if any(not same_bits(whole, asker.answer(part)) for part in parts):
        return
    try:
        asker.answer(Call((10**9,), 1))
    except SubjectRaised:
        return
    raise Violation(
        "it returns the same whatever order it is given, also for an item that is not there",
        symptom="value",
    )


@audit_law(family=FAMILY, kind="rounded", asks=_ASKS, once=True, why=_WHY, source=_SOURCE)
def the_metric_ignores_the_number_of_workers(asker: EvaluationAsker, call: Call) -> None:
    """What is returned is the same, up to rounding, for one worker and for several.

    Asked of evaluations that take `workers`. A number that does not divide the items is among
    those that are tried: loaders fill up with items that then count twice.
    """
    name = next((each for each in asker.takes if "worker" in each), None)
    if name is None:
        raise SaysNothing("it takes no number of workers")
    usual = replace(call, extra=((name, 1),))
    for workers in (2, 3, 4):
        try:
            _expect_alike(asker, usual, replace(call, extra=((name, workers),)),
                          f"with {workers} workers")  # fmt: skip
        except SubjectRaised as error:
            raise SaysNothing(f"with {workers} workers it raises here: {error}") from None


@audit_law(family="labels", kind="exact", asks=_ASKS,
           why="The score is measured on answers that the model was given.",
           source=_SOURCE)  # fmt: skip
def labels_reach_no_prediction(asker: EvaluationAsker, call: Call, draw: Draw) -> None:
    """Predictions by item stay the same when the labels that are handed over are replaced.

    Asked of evaluations that take `labels` and return predictions by item.
    """
    if "labels" not in asker.takes or not asker.by_item:
        raise SaysNothing("it does not take labels and return predictions by item")
    own = asker.own_labels
    way = 2 if own is None else int(own.max()) + 1
    drawn = torch.tensor([draw.index(max(1, way)) for _ in range(asker.driven.items)])
    drawn[: len(drawn) // 2] = 0  # unbalanced: to exchange balanced ones may move nothing
    labels = drawn if own is None else drawn.to(own.dtype)
    given = torch.zeros_like(labels) if own is None else own
    usual, other = (replace(call, extra=(("labels", each),)) for each in (given, labels))
    _expect_alike(asker, usual, other, "with other labels")


@audit_law(family="other_targets", kind="exact", asks=_ASKS, claims=INDUCTIVE, why=_WHY,
           source=_SOURCE)  # fmt: skip
def an_item_ignores_the_other_items(asker: EvaluationAsker, call: Call, draw: Draw) -> None:
    """The prediction of an item stays the same when other items are replaced.

    Asked of evaluations that take `items`, hold their own by that name, and return predictions by
    item.
    """
    own = asker.own_items
    if "items" not in asker.takes or not asker.by_item or own is None:
        raise SaysNothing("it does not take items, hold its own, and return predictions by item")
    changed = draw.subset(len(own))
    other = own.clone()
    drawn = (2 * draw.uniform(own[changed].double()) - 1) * 2 * float(own.double().std())
    other[changed] = drawn.to(own.dtype)
    usual = replace(call, extra=(("items", own),))
    rows = tuple((~changed).nonzero().flatten().tolist())
    _expect_alike(asker, usual, replace(call, extra=(("items", other),)),
                  "with other items replaced", places=rows)  # fmt: skip


@audit_law(family="state", kind="exact", asks=_ASKS, once=True, source=_SOURCE)
def evaluating_twice_gives_the_same(asker: EvaluationAsker, call: Call) -> None:
    """Evaluated again, the same is returned.

    Counts that go on, moments that move, adaptation that is kept and random draws show here.
    """
    session = asker.session()
    first = session.predict(call)
    for _ in range(2):
        again = session.predict(call, reseed=False)
        if not same_bits(first, again):
            moved = _largest(first, again)
            raise Violation(
                f"evaluated again, what is returned moved by {moved:.3g}", symptom="state",
                effect=moved,
            )  # fmt: skip


def _expect_alike(
    asker: EvaluationAsker,
    usual: Call,
    other: Call,
    what: str,
    places: tuple[int, ...] | None = None,
) -> None:
    """Fail the law where two calls return other values beyond rounding."""
    first, second = (_at(asker.answer(call), places, asker) for call in (usual, other))
    if first.shape != second.shape:
        raise Violation(
            f"{what}, it returns {tuple(second.shape)} values instead of {tuple(first.shape)}",
            symptom="form",
        )
    if same_bits(first, second):
        asker.readings.all.append((None, Reading("equal")))  # type: ignore[arg-type]  # no pair
        return
    if not asker.is_deterministic:
        raise Undecided("two equal calls of fresh evaluations return different values")
    moved, wide = _largest(first, second), None
    if asker.has_float64:
        wide = _largest(*(_at(asker.answer(c, "float64"), places, asker) for c in (usual, other)))
        rounding = wide <= _SHRINKS * moved or wide <= _unit(first, 2.0**-53)
    else:
        rounding = moved <= _unit(first, 2.0**-24)
    found: Any = "rounding" if rounding else "reads"
    asker.readings.all.append((None, Reading(found, moved, wide)))  # type: ignore[arg-type]  # as above
    if not rounding or asker.options.held_to == "bitwise":
        raise Violation(
            f"{what}, {_said(first, second)}", symptom="flow", effect=moved,
            expected=_shown(first, second, 0), actual=_shown(first, second, 1),
        )  # fmt: skip


def _at(values: Tensor, places: tuple[int, ...] | None, asker: EvaluationAsker) -> Tensor:
    """The values of some items, where there is one for each; else all of them."""
    if places is None or len(values) != asker.driven.items:
        return values
    return values[list(places)]


def _unit(values: Tensor, unit: float) -> float:
    finite = values.double()[values.double().isfinite()].abs()
    return _ROOM * unit * float(finite.max()) if finite.numel() else 0.0


def _largest(first: Tensor, second: Tensor) -> float:
    return float(differences(first, second).max()) if first.numel() else 0.0


def _said(first: Tensor, second: Tensor) -> str:
    if first.numel() == 1:
        return f"it returns {float(second):.6g} instead of {float(first):.6g}"
    moved = differences(first, second)
    return (
        f"value {int(moved.argmax())} of {len(moved)} moved by {float(moved.max()):.3g}, and"
        f" {int((moved > 0).sum())} in all moved"
    )


def _shown(first: Tensor, second: Tensor, which: int) -> str:
    values = (first, second)[which]
    if values.numel() == 1:
        return f"{float(values):.6g}"
    place = int(differences(first, second).argmax())
    row = values[place].reshape(-1)[:4].tolist()
    return f"value {place}: {', '.join(f'{each:.4g}' for each in row)}"


LAWS: tuple[AuditLaw, ...] = (
    the_metric_ignores_the_batch_size,
    the_metric_ignores_the_order,
    every_item_counts_once,
    the_order_is_obeyed,
    the_metric_ignores_the_number_of_workers,
    labels_reach_no_prediction,
    an_item_ignores_the_other_items,
    evaluating_twice_gives_the_same,
)
