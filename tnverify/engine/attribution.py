"""Which laws fail of another thing than their own: proven, law by law, or left as they are.

A layer that draws random numbers fails every exact comparison, and one that raises fails whatever
is asked. Each is one finding. A law that fails because of it alone is inconclusive: nothing is
known about what it asks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tnverify.engine.causes import telling
from tnverify.engine.counterfactual import with_constant_draws, with_copies
from tnverify.engine.digits import loses_digits, near_zero, wide_near_zero
from tnverify.engine.evaluate import Evaluation, evaluate
from tnverify.engine.plain_answers import gradient_error, plain_answer
from tnverify.subjects.guard import alarms
from tnverify.subjects.prober import SubjectProber

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tnverify.catalogue.laws import About
    from tnverify.contract.task import Task
    from tnverify.engine.results import LawVerdict
    from tnverify.engine.trial import LawRecord
    from tnverify.subjects import Subject

DRAWS = "draws random numbers"
WRITES = "writes to its input"
CANCELS = "loses its digits on values far from zero, as E[x²] − E[x]² does (cancellation)"
FORM = "answers in another form than its input's"
NOT_FINITE = "answers NaN or infinity"


def attributed(
    found: Mapping[str, LawVerdict], records: Iterable[LawRecord], subject: Subject
) -> dict[str, LawVerdict]:
    """The verdicts, those on laws that fail because of another cause being inconclusive.

    The law that finds the cause goes on failing, and says of which cause.
    """
    failing = {
        record.law.name: record
        for record in records
        if record.failure is not None and not record.failure[2].hung
    }
    if not failing:
        return dict(found)
    with alarms():
        case = _Case(dict(found), failing, subject)
        case.explain_draws()
        case.explain_writes()
        case.explain_same_error()
        case.explain_form()
        case.explain_not_finite()
        case.explain_lost_digits()
    return case.found


@dataclass(slots=True)
class _Case:
    """Verdicts as they are settled; `open` are the records of laws that fail of their own yet."""

    found: dict[str, LawVerdict]
    open: dict[str, LawRecord]
    subject: Subject

    def explain_draws(self) -> None:
        owners = self._owners("draws")
        if not owners:
            return
        constant, drew = with_constant_draws(self.subject)
        kept = [name for name in self.open if self._holds(name, constant)]
        if drew.anything:
            self._blame(DRAWS, owners, kept)

    def explain_writes(self) -> None:
        owners = self._owners("writes")
        if not owners:
            return
        spared = with_copies(self.subject)
        self._blame(WRITES, owners, [name for name in self.open if self._holds(name, spared)])

    def explain_same_error(self) -> None:
        """Laws to which the layer raises the same: the one that met it first is its finding."""
        said: dict[str, list[str]] = {}
        for name, record in self.open.items():
            if _ended(record).symptom and str(_ended(record).symptom).startswith("raised"):
                said.setdefault(_alike(str(_ended(record).reason)), []).append(name)
        usual = plain_answer(self.subject).error
        for names in said.values():
            first, *others = self._soonest(names)
            text = str(_ended(self.open[first]).reason).removeprefix("raised ")
            always = usual is not None and _alike(usual) == _alike(text)
            if always or others:
                self._blame(self._raising(text, always=always), [first], others)

    def _raising(self, text: str, *, always: bool) -> str:
        """When the layer raises, as far as plain calls show it, and what."""
        text = text.removesuffix(".")
        if always:
            return f"raises on ordinary tasks: {text}"
        asked = gradient_error(self.subject)
        if asked is not None and _alike(asked.removesuffix(".")) == _alike(text):
            return f"raises where gradients are asked for: {text}"
        return f"raises {text}"

    def explain_form(self) -> None:
        """Laws that met an answer of the wrong form, as plain calls are given it too."""
        names = [n for n, record in self.open.items() if _ended(record).symptom == "form"]
        form = plain_answer(self.subject).form if len(names) > 1 else None
        if form is not None:
            first, *others = sorted(names, key=lambda name: telling(self.found[name]))
            self._blame(f"{FORM}: {form}", [first], others)

    def explain_not_finite(self) -> None:
        """Laws that met values that are not finite in what the layer answers to plain calls."""
        names = [
            name
            for name, record in self.open.items()
            if _ended(record).symptom == "not_finite" and self._answers_not_finite(record)
        ]
        if not names:
            return
        first, *others = self._soonest(names)
        usual = plain_answer(self.subject).not_finite
        if usual or others:
            cause = f"{NOT_FINITE} on ordinary input" if usual else NOT_FINITE
            self._blame(cause, [first], others)

    def explain_lost_digits(self) -> None:
        """Laws that are kept where values lie near zero: in float64, or in the layer's own dtype
        where they speak of that alone."""
        wanted = [
            name
            for name, record in self.open.items()
            if record.law.kind == "rounded"
            and _ended(record).symptom in ("value", "gradient", "cancellation", None)
        ]
        if not wanted or not loses_digits(self.subject):
            return
        owners = self._owners("rounding")
        kept = [
            name
            for name in wanted
            if self._holds(name, self.subject, wide_near_zero)
            or (self._in_own_dtype(name) and self._holds(name, self.subject, near_zero))
        ]
        if kept and not owners:
            owners = self._soonest(kept)[:1]
        self._blame(CANCELS, owners, kept)

    def _owners(self, about: About) -> list[str]:
        """The laws that find just this, where they were violated: no error says it of them."""
        return [
            name
            for name, record in self.open.items()
            if record.law.about == about
            and _ended(record).ending == "violated"
            and _ended(record).symptom != "form"
        ]

    def _holds(
        self, name: str, subject: Subject, change: Callable[[Task], Task] = lambda task: task
    ) -> bool:
        """Whether the law holds, on the task on which it failed, of another form of the subject."""
        record = self.open[name]
        assert record.failure is not None
        plan, lane, _ = record.failure
        task = change(plan.build(subject.dtype(lane), subject.device))
        return evaluate(record.law, SubjectProber(subject), task).ending == "held"

    def _in_own_dtype(self, name: str) -> bool:
        """Return whether the law was seen to fail in the layer's own dtype."""
        failure = self.open[name].failure
        return failure is not None and failure[1] != "float64"

    def _answers_not_finite(self, record: LawRecord) -> bool:
        assert record.failure is not None
        plan, lane, _ = record.failure
        task = plan.build(self.subject.dtype(lane), self.subject.device)
        return plain_answer(self.subject, task).not_finite

    def _soonest(self, names: Iterable[str]) -> list[str]:
        """By how soon each law met the failure: the one that asks for it meets it first."""
        return sorted(
            names,
            key=lambda name: (
                self.found[name].law.level != "must",
                self.open[name].tried,
                telling(self.found[name]),
            ),
        )

    def _blame(self, cause: str, owners: Iterable[str], others: Iterable[str]) -> None:
        """Settle that `owners` fail of a cause which keeps `others` from being decided."""
        owners = list(owners)
        for name in owners:
            self.found[name] = replace(self.found[name], cause=cause)
        for name in others:
            if name not in owners:
                verdict = self.found[name]
                self.found[name] = replace(
                    verdict,
                    outcome="inconclusive",
                    reason=f"cannot be decided: the layer {cause}",
                    cause=cause,
                    to_detection=None,
                    expected=None,
                    actual=None,
                    symptom=None,
                    margin=None,
                )
                del self.open[name]
        for name in owners:
            self.open.pop(name, None)


def _ended(record: LawRecord) -> Evaluation:
    assert record.failure is not None
    return record.failure[2]


def _alike(text: str) -> str:
    """What an error says whatever the task: without the sizes at hand, and which call it was."""
    text = re.sub(r" in (observe|condition|normalize):", ":", text.removeprefix("raised "), count=1)
    return re.sub(r"\d+", "#", text)
