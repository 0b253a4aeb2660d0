"""One live instance of a subject: what a law calls, with what it answers checked for its form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from tnverify.contract.outcomes import NotClaimed, SubjectRaised, Violation
from tnverify.subjects.copies import copied
from tnverify.subjects.guard import calling
from tnverify.subjects.starting import kept_generators, seed_generators

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from tnverify.contract.norm import Norm
    from tnverify.subjects.subject import Subject
    from tnverify.subjects.trace import Trace


class LiveProbe:
    """One instance of the subject, built for a task (contract: Probe)."""

    def __init__(
        self,
        subject: Subject,
        layer: Any,
        norm: Norm,
        trace: Trace | None = None,
        *,
        lends: bool = False,
    ) -> None:
        self._subject = subject
        self._trace = trace
        self._lends = lends
        self._draws = subject.lazy
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

    @property
    def takes_lengths(self) -> bool:
        return bool(getattr(self._norm, "takes_lengths", False))

    def condition(self, context: Tensor, *, lengths: Tensor | None = None) -> tuple[Tensor, object]:
        self.last_context = context
        given, more = self._given(context), {} if lengths is None else {"lengths": lengths}
        answer = self._call("condition", lambda: self._norm.condition(given, **more), context)
        if not (isinstance(answer, tuple) and len(answer) == 2):
            raise Violation(
                f"condition returned a {type(answer).__name__}, not (outputs, task state)",
                symptom="form",
                expected="(outputs, task state)",
                actual=type(answer).__name__,
            )
        self._check_form(answer[0], context, "the context outputs")
        return answer

    def normalize(self, targets: Tensor, state: object, *, lengths: Tensor | None = None) -> Tensor:
        given, more = self._given(targets), {} if lengths is None else {"lengths": lengths}
        answer = self._call(
            "normalize", lambda: self._norm.normalize(given, state, **more), targets
        )
        self._check_form(answer, targets, "the target outputs")
        return answer  # type: ignore[no-any-return]  # _check_form has made sure

    def observe(self, context: Tensor, targets: Tensor) -> tuple[Tensor, Tensor] | None:
        step = getattr(self._norm, "observe", None)
        if step is None:
            raise NotClaimed("the layer has no meta-training step")
        given = (self._given(context), self._given(targets))
        answer = self._call("observe", lambda: step(*given), context)
        if not (isinstance(answer, tuple) and len(answer) == 2):
            return None
        self._check_form(answer[0], context, "the context outputs of meta-training")
        self._check_form(answer[1], targets, "the target outputs of meta-training")
        return answer

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

    def _given(self, values: Tensor) -> Tensor:
        """What the layer gets: a copy, for it may write to its input, unless the law lends its
        own tensors."""
        return values if self._lends else copied(values)

    def _call(self, during: str, call: Callable[[], Any], given: Tensor) -> Any:
        try:
            with calling(during):
                answer = self._first(call) if self._draws else call()
        except SubjectRaised as raised:
            raised.probe = self
            raised.given = given
            if self._trace is not None:
                self._trace.note(self._number, during, given, raised.error)
            raise
        if self._trace is not None:
            self._trace.note(self._number, during, given, answer)
        return answer

    def _first(self, call: Callable[[], Any]) -> Any:
        """The first call of a layer that makes parameters then: they are drawn as in construction,
        so that all instances begin alike and no draw of the caller's is moved."""
        self._draws = False
        with kept_generators():
            seed_generators()
            return call()

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
