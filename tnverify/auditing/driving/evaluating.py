"""A whole evaluation that can be driven: called with an order of its items and a batch size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from tnverify.auditing.asking import Readings, same_bits
from tnverify.auditing.driving.holdings import every_module, widen
from tnverify.auditing.driving.making import Maker, parameters, seed_all
from tnverify.contract.outcomes import SubjectRaised
from tnverify.subjects.spec import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tnverify.auditing.driving.driven import Lane
    from tnverify.auditing.options import AuditOptions

NAMES = ("evaluate", "__call__", "run", "score")
_MOST_ITEMS = 2**20
_COUNTS = ("items_count", "n_items", "num_items", "num_samples", "count", "size", "n")
_ITEMS = ("items", "data", "images", "inputs", "x", "dataset")
_LABELS = ("labels", "targets", "y")


def method_of(subject: Any) -> Any:
    """The callable of an evaluation: what takes an order and a batch size; None where none is."""
    for name in NAMES:
        method = subject if name == "__call__" else getattr(subject, name, None)
        if not callable(method) or isinstance(method, type):
            continue
        if {"order", "batch_size"} <= set(parameters(method)):
            return method
    return None


def values_of(answer: Any) -> Tensor:
    """The numbers that an evaluation returned, in float64 but for whole ones. Raises Unusable
    where it returned something else."""
    if isinstance(answer, Tensor):
        return answer.detach().clone().reshape(-1) if answer.dim() == 0 else answer.detach().clone()
    if isinstance(answer, dict):
        answer = [answer[name] for name in sorted(answer, key=str)]
    try:
        found = np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError):
        if isinstance(answer, list | tuple) and answer:
            return torch.cat([values_of(each).double().reshape(-1) for each in answer])
        raise Unusable(
            f"it returned a {type(answer).__name__}: an evaluation returns a metric, or a"
            " prediction for each item"
        ) from None
    return torch.from_numpy(np.atleast_1d(found).copy())


@dataclass(frozen=True, slots=True)
class Call:
    """One call: items in their order, batches of a size, and what is handed over beside them."""

    order: tuple[int, ...]
    batch_size: int
    extra: tuple[tuple[str, Any], ...] = ()
    number: int = 0


class EvaluationSession:
    """One evaluation over some calls; each is seeded alike."""

    def __init__(self, subject: Any, lane: Lane, seed: int, convert: Callable[[Any], Any]) -> None:
        self.subject, self.lane, self.seed, self._convert = subject, lane, seed, convert
        self.state: Any = None

    def fit(self, _call: Call) -> EvaluationSession:
        """There is no context of an evaluation's own to show."""
        return self

    def predict(self, call: Call, *, reseed: bool = True) -> Tensor:
        """What the evaluation returns."""
        before = torch.get_default_dtype()
        if self.lane == "float64":
            torch.set_default_dtype(torch.float64)
        try:
            if reseed:
                seed_all(self.seed)
            given = self._convert(list(call.order))
            extra = {name: self._given(value) for name, value in call.extra}
            answer = method_of(self.subject)(given, call.batch_size, **extra)
        except Exception as error:
            raise SubjectRaised(error, "evaluate") from error
        finally:
            torch.set_default_dtype(before)
        return values_of(answer)

    def _given(self, value: Any) -> Any:
        """What is handed over, in the precision of the lane, and the caller's own."""
        if not isinstance(value, Tensor):
            return value
        wide = self.lane == "float64" and value.is_floating_point()
        return value.double() if wide else value.clone()

    def answer(self, call: Call) -> Tensor:
        return self.predict(call)

    @property
    def modules(self) -> dict[str, torch.nn.Module]:
        """The modules that the evaluation computes with."""
        return every_module(self.subject)


@dataclass(frozen=True, slots=True)
class DrivenEvaluation:
    """An evaluation, how many items it has, and in what form it takes their order."""

    spec: str
    maker: Maker
    items: int
    convert: Callable[[Any], Any]
    kind: str = "evaluation"
    notes: tuple[str, ...] = ()

    def session(self, lane: Lane = "native", seed: int = 0) -> EvaluationSession:
        """A fresh evaluation."""
        try:
            subject = self.maker.fresh(seed)
        except Exception as error:
            raise SubjectRaised(error, "build") from error
        if lane == "float64":
            widen(subject)
        return EvaluationSession(subject, lane, seed, self.convert)


class EvaluationAsker:
    """Asks one evaluation, a fresh one for each question."""

    def __init__(self, driven: DrivenEvaluation, options: AuditOptions) -> None:
        self.driven, self.options = driven, options
        self.readings = Readings()
        count = driven.items
        self.whole = Call(tuple(range(count)), max(1, min(8, count)))
        self.tasks = tuple(
            Call(self.whole.order, self.whole.batch_size, number=number)
            for number in (range(options.budget.tasks) if options.task is None else (options.task,))
        )
        self._kept: dict[tuple[Any, ...], Tensor] = {}

    def session(self, lane: Lane = "native", **_: Any) -> EvaluationSession:
        """A fresh evaluation."""
        return self.driven.session(lane, self.options.seed)

    def answer(self, call: Call, lane: Lane = "native") -> Tensor:
        """What a fresh evaluation returns."""
        if call.extra:
            return self.session(lane).answer(call)
        key = (call.order, call.batch_size, lane)
        if key not in self._kept:
            self._kept[key] = self.session(lane).answer(call)
        return self._kept[key]

    @property
    def takes(self) -> tuple[str, ...]:
        """The arguments beside the order and the batch size."""
        names = parameters(method_of(self.session().subject))
        return tuple(name for name in names if name not in ("order", "batch_size"))

    @cached_property
    def by_item(self) -> bool:
        """Whether it returns something for each item."""
        return len(self.answer(self.whole)) == self.driven.items > 1

    @cached_property
    def is_deterministic(self) -> bool:
        first, second = (self.session().answer(self.whole) for _ in range(2))
        return same_bits(first, second)

    @cached_property
    def has_float64(self) -> bool:
        """Whether it runs in float64."""
        try:
            self.answer(self.whole, "float64")
        except (SubjectRaised, Unusable):
            return False
        return True

    def held(self, names: Sequence[str]) -> Tensor | None:
        """What the evaluation holds by one of these names, with an entry an item."""
        subject = self.session().subject
        for name in names:
            found = getattr(subject, name, None)
            if isinstance(found, np.ndarray):
                found = torch.from_numpy(found.copy())
            if isinstance(found, Tensor) and found.dim() and len(found) == self.driven.items:
                return found.detach().clone()
        return None

    @property
    def own_items(self) -> Tensor | None:
        """Its items, where it holds them by a usual name."""
        return self.held(_ITEMS)

    @property
    def own_labels(self) -> Tensor | None:
        """Its labels, where it holds them by a usual name."""
        return self.held(_LABELS)


def driven_evaluation(spec: str, maker: Maker, options: AuditOptions) -> DrivenEvaluation:
    """Return the evaluation, ready to be driven. Raises Unusable where it cannot be called, or
    how many items it has cannot be found out."""
    why = ""
    for convert in (list, torch.tensor, np.asarray):
        driven = DrivenEvaluation(spec, maker, 1, convert)
        try:
            driven.session().answer(Call((0,), 1))
        except SubjectRaised as error:
            why = why or str(error)
            continue
        items = options.items or _counted(driven)
        return DrivenEvaluation(spec, maker, items, convert, notes=(f"evaluated on {items} items",))
    raise Unusable(f"evaluate(order=[0], batch_size=1): {why}")


def _counted(driven: DrivenEvaluation) -> int:
    """How many items there are: said by the evaluation, else the first place that it refuses."""
    subject = driven.session().subject
    if hasattr(subject, "__len__"):
        return len(subject)
    for name in _COUNTS:
        found = getattr(subject, name, None)
        if type(found) is int and found > 0:
            return found
    session = driven.session()
    low, high = 0, 1
    while _takes(session, high):
        low, high = high, 2 * high
        if high > _MOST_ITEMS:
            raise Unusable(
                f"how many items it has is not known, since it takes place {low} too: say --items N"
            )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _takes(session, middle) else (low, middle)
    return high


def _takes(session: EvaluationSession, place: int) -> bool:
    try:
        session.predict(Call((place,), 1))
    except SubjectRaised:
        return False
    return True
