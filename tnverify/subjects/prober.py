"""What a law is given: the subject in one dtype, built anew for every task it is asked about."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from tnverify import oracle
from tnverify.contract.norm import Run
from tnverify.contract.outcomes import NotClaimed, SaysNothing, SubjectRaised, Violation
from tnverify.subjects.guard import calling
from tnverify.subjects.ordinary import COMPLAINTS, ordinary
from tnverify.tolerances.bound import rounding_bound, too_wide, unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from tnverify.contract.claims import Claims
    from tnverify.contract.limits import Limits
    from tnverify.contract.norm import Norm
    from tnverify.contract.task import Task
    from tnverify.oracle import Answer
    from tnverify.subjects.subject import Subject
    from tnverify.subjects.trace import Trace


class LiveProbe:
    """One instance of the subject, built for a task (contract: Probe)."""

    def __init__(
        self, subject: Subject, layer: Any, norm: Norm, trace: Trace | None = None
    ) -> None:
        self._subject = subject
        self._trace = trace
        self._number = 0 if trace is None else trace.new_instance()
        self.layer = layer
        self._norm = norm
        self.last_context: Tensor | None = None
        """The context that the instance was conditioned on last, to tell refusals by shape."""

    @property
    def module(self) -> nn.Module | None:
        return self.layer if isinstance(self.layer, torch.nn.Module) else None

    @property
    def norm(self) -> Norm:
        return self._norm

    def condition(self, context: Tensor) -> tuple[Tensor, object]:
        self.last_context = context
        answer = self._call("condition", lambda: self._norm.condition(context), context)
        if not (isinstance(answer, tuple) and len(answer) == 2):
            raise Violation(
                f"condition returned a {type(answer).__name__}, not (outputs, task state)",
                symptom="form",
                expected="(outputs, task state)",
                actual=type(answer).__name__,
            )
        self._check_form(answer[0], context, "the context outputs")
        return answer

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        answer = self._call("normalize", lambda: self._norm.normalize(targets, state), targets)
        self._check_form(answer, targets, "the target outputs")
        return answer  # type: ignore[no-any-return]  # _check_form has made sure

    def parameter(self, handle: str) -> Tensor:
        found = self._subject.handles.get(self.layer, handle)
        if found is None:
            raise NotClaimed(f"the layer has no handle on {handle}")
        return found  # type: ignore[no-any-return]  # find_handles has made sure

    def grad(
        self,
        output: Tensor,
        inputs: list[Tensor],
        *,
        create_graph: bool = False,
        grad_output: Tensor | None = None,
    ) -> list[Tensor]:
        if not output.requires_grad:
            return [torch.zeros_like(i) for i in inputs]
        # A scalar needs no grad_outputs, for which torch would import all of its symbolic shapes.
        loss = (output if grad_output is None else output * grad_output).sum()
        with calling("backward"):
            # No graph is kept for a second call: what torch.compile made gives its buffers away.
            found = torch.autograd.grad(loss, inputs, create_graph=create_graph, allow_unused=True)
        reached: list[Tensor | None] = list(found)  # None where nothing reaches: allow_unused
        return [
            torch.zeros_like(i) if g is None else g for g, i in zip(reached, inputs, strict=True)
        ]

    def _call(self, during: str, call: Callable[[], Any], given: Tensor) -> Any:
        try:
            with calling(during):
                answer = call()
        except SubjectRaised as raised:
            raised.probe = self
            raised.given = given
            if self._trace is not None:
                self._trace.note(self._number, during, given, raised.error)
            raise
        if self._trace is not None:
            self._trace.note(self._number, during, given, answer)
        return answer

    def _check_form(self, answer: Any, given: Tensor, what: str) -> None:
        if not isinstance(answer, torch.Tensor):
            raise Violation(
                f"{what} are a {type(answer).__name__}, not a tensor",
                symptom="form",
                expected="a tensor",
                actual=type(answer).__name__,
            )
        if answer.shape != given.shape:
            raise Violation(
                f"{what} have shape {tuple(answer.shape)}, the input has {tuple(given.shape)}",
                symptom="form",
                expected=str(tuple(given.shape)),
                actual=str(tuple(answer.shape)),
            )
        if answer.dtype != given.dtype or answer.device != given.device:
            raise Violation(
                f"{what} are {answer.dtype} on {answer.device}, the input is {given.dtype} on"
                f" {given.device}",
                symptom="form",
                expected=f"{given.dtype} on {given.device}",
                actual=f"{answer.dtype} on {answer.device}",
            )


class SubjectProber:
    """The subject as laws meet it (contract: Prober); answers are kept as long as it lives.

    The engine makes one for each plan and lane, so memory stays small.
    """

    def __init__(
        self, subject: Subject, *, eps: float | None = None, trace: Trace | None = None
    ) -> None:
        self.subject = subject
        self._eps = eps
        self._trace = trace
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
        known = self.subject.ranks_taken
        if self.subject.limits.spatial is not None:
            return rank == self.subject.rank
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
                known[rank] = True
        return known[rank]

    def with_eps(self, eps: float) -> SubjectProber:
        return SubjectProber(self.subject, eps=eps, trace=self._trace)

    def fresh(self, task: Task) -> LiveProbe:
        subject = self.subject
        handles = subject.handles
        with calling("build"):
            layer = subject.factory(task.channels, task.spatial)
            if task.dtype is not subject.native or task.device.type != "cpu":
                dtype = task.dtype if _is_computed_in(task.dtype) else subject.native
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
            norm = subject.adapter.wrap(layer)
        observe = getattr(norm, "observe", None)
        if observe is not None:
            for context, targets in task.past:
                with calling("observe"), torch.no_grad():
                    observe(context, targets)
        return LiveProbe(subject, layer, norm, self._trace)

    def run(self, task: Task) -> Run:
        return self._keep("run", task, self._run)  # type: ignore[no-any-return]  # Run by _run

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

    def _run(self, task: Task) -> Run:
        probe = self.fresh(task)
        with torch.no_grad():
            # Copies in, for a layer may edit what it is given; copies out, for it may write later
            # calls into a buffer that it returned.
            context, state = probe.condition(_copied(task.context))
            context = context.clone()
            targets = probe.normalize(_copied(task.targets), state)
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
            return oracle.answer(
                scheme.name,
                task.context.detach().double().cpu().numpy(),
                task.targets.detach().double().cpu().numpy(),
                weight=parameters.weight if self.has("weight") else None,
                bias=parameters.bias if self.has("bias") else None,
                eps=self._eps_on(task),
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

    def _eps_on(self, task: Task) -> float:
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
        answer = self._reference(task)
        wide = _is_computed_in(task.dtype)
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

    def _reference(self, task: Task) -> Answer:
        """The claimed formula's answer; without one, that of the worst-conditioned scheme.

        An inductive layer may use any moments that it may read, so its rounding is bounded by
        instance, layer and context moments at once.
        """
        try:
            return self.expected(task)
        except NotClaimed:
            return _worst_case(task, self.run(task), self.eps)


def _copied(x: Tensor) -> Tensor:
    """A copy of plain input. Input of any other layout is handed on as it is: a copy would not
    have it, and the laws about layouts mean just that."""
    return x.clone() if x.is_contiguous() and x.storage_offset() == 0 else x


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


def _is_computed_in(dtype: torch.dtype) -> bool:
    return dtype in (torch.float32, torch.float64)


def _give_alpha(held: Any, task: Task) -> None:
    """Alpha itself, where the layer holds it rather than its scale and offset."""
    with torch.no_grad():
        alpha = oracle.alpha_of(task.parameters.scale, task.parameters.offset, len(task.context))
        held.fill_(float(alpha.value))


def _worst_case(task: Task, run: Run, eps: float) -> Answer:
    import numpy as np

    context = task.context.detach().double().cpu().numpy()
    targets = task.targets.detach().double().cpu().numpy()
    answers = [
        oracle.answer(scheme, context, targets, eps=eps)
        for scheme in ("instance_norm", "layer_norm", "meta_bn")
    ]
    merged = []
    for side, output in (("context", run.context), ("targets", run.targets)):
        parts = [getattr(answer, side) for answer in answers]
        shown = output.detach().double().cpu().numpy()
        kappa = parts[0].kappa
        for part in parts[1:]:
            kappa = np.maximum(kappa, part.kappa)
        merged.append(
            replace(
                parts[0],
                outputs=shown,
                normalized=shown,
                kappa=kappa,
                count=max(part.count for part in parts),
            )
        )
    return oracle.Answer(*merged)
