"""What a law is given: the subject in one dtype, built anew for every task it is asked about."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import torch

from tnverify import oracle
from tnverify.contract.norm import Run
from tnverify.contract.outcomes import NotClaimed, SaysNothing, SubjectRaised, Violation
from tnverify.subjects.conditioning import is_computed_in, measured_bound
from tnverify.subjects.copies import copied
from tnverify.subjects.guard import calling
from tnverify.subjects.ordinary import COMPLAINTS, ordinary
from tnverify.subjects.probe import LiveProbe
from tnverify.subjects.ranks import named_rank
from tnverify.subjects.spread import spread_out
from tnverify.subjects.starting import initialise, uninitialised
from tnverify.tolerances.bound import rounding_bound, too_wide, unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from tnverify.contract.claims import Claims
    from tnverify.contract.limits import Limits
    from tnverify.contract.norm import Norm
    from tnverify.contract.task import Task
    from tnverify.oracle import Answer
    from tnverify.subjects.subject import Subject
    from tnverify.subjects.trace import Trace


class FormulaClock:
    """How many seconds, by the clock, this process has spent on formulas in float64."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began = 0.0

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._began


formula_clock = FormulaClock()


class SubjectProber:
    """The subject as laws meet it (contract: Prober); answers are kept as long as it lives.

    The engine makes one for each plan and lane, so memory stays small.
    """

    def __init__(
        self,
        subject: Subject,
        *,
        eps: float | None = None,
        trace: Trace | None = None,
        nudge: Callable[[Any], None] | None = None,
    ) -> None:
        self.subject = subject
        self._eps = eps
        self._trace = trace
        self._nudge = nudge
        self._kept: dict[tuple[str, int], tuple[Task, Any]] = {}

    @property
    def claims(self) -> Claims:
        return self.subject.claims

    @property
    def limits(self) -> Limits:
        return self.subject.limits

    @property
    def step(self) -> int:
        return self.subject.channel_step

    def has(self, handle: str) -> bool:
        return self.subject.handles.path(handle) is not None

    def takes(self, rank: int) -> bool:
        """Whether the subject promises an answer on so many spatial dimensions.

        A layer of maps that takes three dimensions and not one has its axes written down: it runs
        on three by accident.
        """
        if self.subject.limits.spatial is not None:
            return rank == self.subject.rank
        by_accident = rank == 3 and self.subject.rank == 2 and not self._runs(1)
        return self._runs(rank) and not by_accident

    def _runs(self, rank: int) -> bool:
        known = self.subject.ranks_taken
        if rank not in known and not _may_take(self.subject, rank):
            known[rank] = False
        if rank not in known:
            subject = self.subject
            plan = ordinary(rank, subject.channel_step)
            task = plan.build(subject.dtype(subject.lanes[0]), subject.device)
            try:
                SubjectProber(subject).run(task)
                known[rank] = True
            except SubjectRaised as raised:
                known[rank] = not isinstance(raised.error, COMPLAINTS)
            except Violation:
                # It answers in another shape: by accident of broadcasting, not by promise.
                known[rank] = rank == subject.rank
        return known[rank]

    def with_eps(self, eps: float) -> SubjectProber:
        return SubjectProber(self.subject, eps=eps, trace=self._trace)

    def fresh(self, task: Task, *, lend: bool = False) -> LiveProbe:
        subject = self.subject
        handles = subject.handles
        with calling("build"):
            layer = subject.factory(task.channels, task.spatial)
            if subject.lazy and uninitialised(layer):
                initialise(layer, self._called(task))
            if task.dtype is not subject.native or task.device.type != "cpu":
                dtype = task.dtype if is_computed_in(task.dtype) else subject.native
                if isinstance(layer, torch.nn.Module):
                    layer = _moved(layer, task.device, dtype)
                else:
                    handles.move(layer, task.device, dtype)
            if handles.paths:
                scheme = subject.claims.scheme
                handles.give(layer, task.parameters, blends=scheme.blends)
                if scheme.constant_moments:
                    handles.give_moments(layer)
                if handles.path("alpha") and not handles.path("scale"):
                    _give_alpha(handles.get(layer, "alpha"), task)
                if self._eps is not None:
                    handles.with_eps(layer, self._eps)
            if task.parameters.spread and not subject.claims.has_formula:
                spread_out(layer, handles, task)
            if self._nudge is not None:
                self._nudge(layer)
            norm = subject.adapter.wrap(layer)
        _show_past(norm, task)
        return LiveProbe(subject, layer, norm, self._trace, lends=lend)

    def _called(self, task: Task) -> Any:
        """A bare layer that has met the task's context, in the dtype that it was built in."""
        layer = self.subject.factory(task.channels, task.spatial)
        with torch.no_grad():
            norm = self.subject.adapter.wrap(layer.to(task.device))
            norm.condition(copied(task.context).to(self.subject.native))
        return layer

    def nudged(self, nudge: Callable[[Any], None]) -> SubjectProber:
        """The same subject with every new instance changed by `nudge` once it has its values."""
        return SubjectProber(self.subject, eps=self._eps, nudge=nudge)

    def run(self, task: Task) -> Run:
        return self._keep("run", task, self.answer)  # type: ignore[no-any-return]  # Run by answer

    def expected(self, task: Task) -> Answer:
        return self._keep("expected", task, self._expected)  # type: ignore[no-any-return]  # as run

    def bound(self, task: Task) -> Run:
        return self._keep("bound", task, self._bound)  # type: ignore[no-any-return]  # as run

    def _keep(self, what: str, task: Task, make: Callable[[Task], Any]) -> Any:
        key = (what, id(task))
        if key not in self._kept:
            try:
                value: Any = make(task)
            except (NotClaimed, SaysNothing, SubjectRaised, Violation) as error:
                value = error
            self._kept[key] = (task, value)
        value = self._kept[key][1]
        if isinstance(value, Exception):
            raise value
        return value

    def answer(self, task: Task) -> Run:
        """As `run`, but nothing is kept."""
        probe = self.fresh(task)
        with torch.no_grad():
            context, state = probe.condition(task.context)
            # A copy: a layer may write later calls into a buffer that it returned.
            context = context.clone()
            targets = probe.normalize(task.targets, state)
        return Run(context, targets.clone())

    def _expected(self, task: Task) -> Answer:
        claims, subject = self.claims, self.subject
        scheme = claims.scheme
        if not claims.has_formula:
            raise NotClaimed("inductive claims no formula")
        parameters = task.parameters
        running = groups = None
        if scheme.holds_moments:
            running = self._running(self.fresh(task).layer)
        if scheme.name == "group_norm":
            groups = subject.handles.get(self.fresh(task).layer, "groups")
            if groups is None:
                raise NotClaimed("the layer has no handle on its number of groups")
        try:
            with formula_clock:
                return oracle.answer(
                    scheme.name,
                    task.context.detach().double().cpu().numpy(),
                    task.targets.detach().double().cpu().numpy(),
                    weight=parameters.weight if self.has("weight") else None,
                    bias=parameters.bias if self.has("bias") else None,
                    eps=self.eps_on(task),
                    variance=claims.variance,
                    alpha=self._alpha(task) if scheme.blends else None,
                    running=running,
                    groups=groups,
                )
        except oracle.OracleError as error:
            raise NotClaimed(str(error)) from None

    @property
    def eps(self) -> float:
        """The eps in force: the one that a law set, else the subject's."""
        return self.subject.eps if self._eps is None else self._eps

    def eps_on(self, task: Task) -> float:
        """The eps in force on a task: of its dtype, for a layer that leaves eps to the dtype."""
        if self._eps is None and self.subject.eps_of_dtype:
            return float(torch.finfo(task.dtype).eps)
        return self.eps

    def _alpha(self, task: Task) -> oracle.Alpha:
        if not (self.has("scale") or self.has("alpha")):
            raise NotClaimed("the layer has no handle on alpha: map it with --handle")
        size = len(task.context)
        return oracle.alpha_of(task.parameters.scale, task.parameters.offset, size)

    def _running(self, layer: Any) -> oracle.Moments:
        mean = self.subject.handles.get(layer, "running_mean")
        var = self.subject.handles.get(layer, "running_var")
        if mean is None or var is None:
            raise NotClaimed("the layer has no handles on its running moments")
        return oracle.Moments(
            mean.detach().double().cpu().flatten().numpy(),
            var.detach().double().cpu().flatten().numpy(),
        )

    def _bound(self, task: Task) -> Run:
        try:
            answer = self.expected(task)
        except NotClaimed:
            return measured_bound(self, task)
        return self._derived_bound(task, answer)

    def _derived_bound(self, task: Task, answer: Answer) -> Run:
        """The bound that the claimed formula's own conditioning gives."""
        wide = is_computed_in(task.dtype)
        own = task.dtype if wide and not self.claims.float32 else torch.float32
        storage = 0.0 if wide else unit(task.dtype)
        parameters = task.parameters
        sides = []
        for part in (answer.context, answer.targets):
            weight = parameters.weight if self.has("weight") else None
            blend = self.claims.scheme.blends
            bound = rounding_bound(
                part,
                weight=weight,
                bias=parameters.bias if self.has("bias") else None,
                unit=unit(own),
                storage_unit=storage,
                scale=parameters.scale if blend else 0.0,
                offset=parameters.offset if blend else 0.0,
                size=len(task.context),
            )
            if too_wide(bound, part, weight=weight):
                raise SaysNothing("rounding alone may move the outputs too far to tell")
            sides.append(torch.from_numpy(bound).to(task.device))
        return Run(*sides)


def _show_past(norm: Norm, task: Task) -> None:
    """Show a norm that observes the tasks of meta-training, then put it to rest for tasks."""
    observe = getattr(norm, "observe", None)
    if observe is None:
        return
    for context, targets in task.past:
        with calling("observe"), torch.no_grad():
            observe(copied(context), copied(targets))
    rest = getattr(norm, "rest", None)
    if rest is not None:
        rest()


def _may_take(subject: Subject, rank: int) -> bool:
    """Whether a layer whose name gives its number of spatial dimensions may promise this one: none
    at all goes with one, as for torch's layers for sequences."""
    named = named_rank(subject.factory)
    return named in (None, rank) or (named == 1 and rank == 0)


def _moved(layer: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """`layer.to(device, dtype)`; by hand, at a quarter of its time, for a leaf on the CPU."""
    kind, usual = type(layer), torch.nn.Module
    is_plain = kind._apply is usual._apply and kind.to is usual.to  # noqa: SLF001 - a layer that moves itself its own way must be let do so
    if device.type != "cpu" or not is_plain or next(layer.children(), None) is not None:
        return layer.to(device=device, dtype=dtype)
    for tensor in (*layer.parameters(recurse=False), *layer.buffers(recurse=False)):
        if tensor.is_floating_point():
            tensor.data = tensor.data.to(dtype)
    return layer


def _give_alpha(held: Any, task: Task) -> None:
    """Alpha itself, where the layer holds it rather than its scale and offset."""
    with torch.no_grad():
        alpha = oracle.alpha_of(task.parameters.scale, task.parameters.offset, len(task.context))
        held.fill_(float(alpha.value))
