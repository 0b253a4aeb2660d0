"""Auditing a whole evaluation."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tnverify.auditing.driving.evaluating import EvaluationAsker, driven_evaluation, method_of
from tnverify.auditing.driving.making import Size, maker_of
from tnverify.auditing.running import Asking, Ready, ask
from tnverify.auditing.waived import on_witness, waiver_for
from tnverify.subjects.spec import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tnverify.auditing.driving.evaluating import DrivenEvaluation
    from tnverify.auditing.driving.recognise import Found
    from tnverify.auditing.laws.declare import AuditLaw
    from tnverify.auditing.options import AuditOptions
    from tnverify.auditing.running import Told
    from tnverify.engine.waivers import Waiver


def audit_evaluation(
    found: Found,
    options: AuditOptions,
    laws: Sequence[AuditLaw],
    tell: Callable[[object], None],
    known: Sequence[Told],
    waivers: Sequence[Waiver] = (),
) -> None:
    """Ask an evaluation the laws that are not known yet. Raises Unusable."""
    maker = maker_of(found.thing, Size(options.way or 5, options.shot, (8,)), found.parsed)
    subject = maker.fresh(0)
    if method_of(subject) is None:
        raise Unusable(
            f"the {type(subject).__name__} cannot be called with order and batch_size: give a"
            " function evaluate(order, batch_size) that returns a metric, or a prediction for each"
            " item"
        )
    driven = driven_evaluation(found.spec, maker, options)
    asker = EvaluationAsker(driven, options)
    what = "a prediction for each item" if asker.by_item else "a metric"
    how = f"{maker.how}; evaluate(order, batch_size) returns {what}"
    taken = [n for n in ("workers", "labels", "items") if n in asker.takes]
    beside = f"beside order and batch_size it takes {', '.join(taken)}" if taken else (
        "it takes neither labels nor items: whether these reach other predictions is not asked"
    )  # fmt: skip
    tell(Ready("evaluation", "evaluate", how, (*driven.notes, beside)))
    done = {each.verdict.law.name for each in known}
    for law in laws:
        if law.name not in done:
            tell(Asking(law.name))
            waiver = waiver_for(waivers, found.spec, law)
            if waiver is None:
                tell(ask(law, asker)[0])
            else:
                tell(on_witness(partial(_on_call, law, driven, options), waiver, law))


def _on_call(
    law: AuditLaw, driven: DrivenEvaluation, options: AuditOptions, number: int, seed: int
) -> Told:
    """What becomes of a law on one call, of another seed maybe."""
    asker = EvaluationAsker(driven, replace(options, seed=seed, task=number))
    return ask(law, asker)[0]
