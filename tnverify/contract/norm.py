"""The Norm protocol, and the probe through which a law meets a norm.

A norm is two pure calls with the task state in the open:

    condition(context)         -> (context outputs, task state)
    normalize(targets, state)  -> target outputs

Adapters absorb every other calling convention, so a law knows of no mode flag.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tnverify.contract.claims import Claims
    from tnverify.contract.limits import Limits
    from tnverify.contract.task import Task
    from tnverify.oracle import Answer


@runtime_checkable
class Norm(Protocol):
    """What every subject looks like behind its adapter.

    `condition` takes (context items, channels, *spatial) and returns outputs of that shape and
    the task state, whatever object that is. `normalize` takes (target items, channels,
    *spatial) and a task state and returns outputs of the targets' shape.
    """

    def condition(self, context: Tensor) -> tuple[Tensor, object]: ...

    def normalize(self, targets: Tensor, state: object) -> Tensor: ...


@runtime_checkable
class Observer(Protocol):
    """A norm that keeps something of meta-training, such as running moments.

    `observe` shows it one task of meta-training: (context items, channels, *spatial) and
    (target items, channels, *spatial). It returns what the layer answered for both, as it answers
    in meta-training, or None where there is no such answer. It is never called at meta-test.
    """

    def observe(self, context: Tensor, targets: Tensor) -> tuple[Tensor, Tensor] | None: ...


@runtime_checkable
class Padded(Protocol):
    """A norm that may be told how much of each item is there.

    Beside their set both calls take `lengths`, (items,): how many positions along the last
    dimension are the item's own. What lies behind is padding. Without it all is there.
    """

    takes_lengths: bool

    def condition(
        self, context: Tensor, lengths: Tensor | None = None
    ) -> tuple[Tensor, object]: ...

    def normalize(
        self, targets: Tensor, state: object, lengths: Tensor | None = None
    ) -> Tensor: ...


class Run(NamedTuple):
    """Outputs of one fresh instance on one task, detached: context outputs, target outputs."""

    context: Tensor
    targets: Tensor


class Probe(Protocol):
    """One live instance of the subject, built anew for a task: parameters set, past observed.

    Calls go to the subject and raise SubjectRaised where it raises; outputs that are not
    tensors of the input's shape raise Violation with the symptom `form`.
    """

    @property
    def module(self) -> nn.Module | None:
        """The layer itself where it is a torch module, else None."""

    @property
    def norm(self) -> Norm:
        """The bare norm behind the checks of this probe."""

    @property
    def takes_lengths(self) -> bool:
        """Whether both calls may be told how much of each item is there (Padded)."""

    def condition(
        self, context: Tensor, *, lengths: Tensor | None = None
    ) -> tuple[Tensor, object]: ...

    def normalize(
        self, targets: Tensor, state: object, *, lengths: Tensor | None = None
    ) -> Tensor: ...

    def observe(self, context: Tensor, targets: Tensor) -> tuple[Tensor, Tensor] | None:
        """One step of meta-training: outputs of both sets, None where the subject shows none.

        Raises NotClaimed where the subject has no such step.
        """

    def parameter(self, handle: str) -> Tensor:
        """What is behind a handle: weight, bias, scale, offset, alpha, a running moment."""

    def grad(
        self,
        output: Tensor,
        inputs: list[Tensor],
        *,
        create_graph: bool = False,
        grad_output: Tensor | None = None,
    ) -> list[Tensor]:
        """Gradients of `output` (weighted by `grad_output`, ones if None) by each input.

        Zeros where an input cannot reach the output. Raises SubjectRaised during backward.
        """


class Prober(Protocol):
    """What a law is given as `norm`: the subject, ready to be built for any task."""

    @property
    def claims(self) -> Claims: ...

    @property
    def eps(self) -> float:
        """The eps in force: the one that a law set, else the layer's as shown or found to fit."""

    def eps_on(self, task: Task) -> float:
        """The eps in force on a task: that of its dtype, for a layer that leaves eps to it."""

    @property
    def limits(self) -> Limits:
        """The sizes that the subject asks for."""

    @property
    def step(self) -> int:
        """What every number of channels that the subject takes is a multiple of; where it takes
        one number alone, that number, of which every multiple is itself."""

    def has(self, handle: str) -> bool:
        """Whether the subject has this handle: weight, bias, scale, offset, alpha or eps."""

    def takes(self, rank: int) -> bool:
        """Whether the subject takes ordinary input with this many spatial dimensions.

        One that refuses it may still take input with sizes of one, which broadcast by accident:
        it promises nothing about that rank.
        """

    def with_eps(self, eps: float) -> Prober:
        """The same subject with another eps, in its instances and in what is expected."""

    def fresh(self, task: Task, *, lend: bool = False) -> Probe:
        """A new instance in its starting state: constructed anew for the task's channels,
        spatial shape, dtype and device, given the task's parameters, shown its past.

        The instance is handed copies of what the law passes. With `lend` it is handed the law's
        own tensors, for laws about what becomes of them.
        """

    def run(self, task: Task) -> Run:
        """A fresh instance conditioned on the task's context, then its targets normalised.

        The answer is kept for as long as the task lives, so laws may ask freely.
        """

    def expected(self, task: Task) -> Answer:
        """The oracle's answer for the claimed scheme, kept as `run`'s is.

        Raises NotClaimed where the claims have no formula or a needed handle is missing.
        """

    def bound(self, task: Task) -> Run:
        """The rounding error that the outputs of `run(task)` may show, elementwise, against
        exact arithmetic; twice it where both sides of a comparison are the subject's own.

        Raises SaysNothing where the bound is too wide for the task to mean anything.
        """
