"""The same subject without one habit: its draws held constant, or its input kept from it.

A law that fails on the subject and holds on its counterfactual fails because of the habit.
"""

from __future__ import annotations

import random
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from tnverify.contract.norm import Norm
    from tnverify.subjects import Subject

_BY_THEMSELVES = ("rand", "rand_like", "randn", "randn_like", "randint", "randint_like", "randperm")
_FROM_PARAMETERS = (
    "normal",
    "uniform",
    "bernoulli",
    "random",
    "exponential",
    "log_normal",
    "cauchy",
)
_DRAWS = frozenset(
    (
        *_BY_THEMSELVES,
        *_FROM_PARAMETERS,
        *(f"{name}_" for name in _FROM_PARAMETERS),
        *("geometric", "geometric_", "multinomial", "native_dropout"),
    )
)
"""Operations of ATen whose whole output is drawn."""


@dataclass(slots=True)
class Drew:
    """Whether any call drew a random number."""

    anything: bool = False


def with_constant_draws(subject: Subject) -> tuple[Subject, Drew]:
    """The subject with every number that its calls draw replaced by a constant.

    Draws of torch come out alike in every place, whatever the shape; Python's and NumPy's
    generators begin each call in the same state.
    """
    drew = Drew()
    return _wrapped(subject, lambda: _constant_draws(drew), lambda x: x), drew


def with_copies(subject: Subject) -> Subject:
    """The subject given a copy of its input in every call, with the copy's gradient passed on."""
    return _wrapped(subject, _nothing, lambda x: x.clone())


def _wrapped(
    subject: Subject, around: Callable[[], Any], given: Callable[[Tensor], Tensor]
) -> Subject:
    adapter = subject.adapter
    wrap = adapter.wrap
    return replace(
        subject, adapter=replace(adapter, wrap=lambda layer: _Wrapped(wrap(layer), around, given))
    )


class _Wrapped:
    """A Norm each of whose calls runs inside `around()`, on what `given` makes of its input."""

    def __init__(
        self, norm: Norm, around: Callable[[], Any], given: Callable[[Tensor], Tensor]
    ) -> None:
        self._norm, self._around, self._given = norm, around, given
        observe = getattr(norm, "observe", None)
        if observe is not None:
            self.observe = lambda context, targets: self._call(observe, context, targets)

    def condition(self, context: Tensor) -> tuple[Tensor, object]:
        return self._call(self._norm.condition, context)  # type: ignore[no-any-return]  # as the norm

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        with self._around():
            return self._norm.normalize(self._given(targets), state)

    def _call(self, call: Callable[..., Any], *inputs: Tensor) -> Any:
        with self._around():
            return call(*map(self._given, inputs))


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def _constant_draws(drew: Drew) -> Iterator[None]:
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - a layer draws from it
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - as above
    before = _states()
    try:
        with _Constant(drew):
            yield
        drew.anything = drew.anything or _states() != before
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002 - as above


def _states() -> tuple[object, ...]:
    inner = np.random.get_state(legacy=False)["state"]  # noqa: NPY002 - as above
    return random.getstate(), inner["key"].tobytes(), inner["pos"]


class _Constant(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch declares no types there
    """Replaces what operations draw by one value."""

    def __init__(self, drew: Drew) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as above
        self._drew = drew

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        answer = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name not in _DRAWS:
            return answer
        self._drew.anything = True
        if name == "native_dropout":
            return args[0].clone(), torch.ones_like(answer[1])
        if name == "randperm":
            return answer.copy_(torch.arange(len(answer), device=answer.device))
        return tree_map_only(torch.Tensor, _constant, answer)


def _constant(drawn: Tensor) -> Tensor:
    return drawn.fill_(0.5 if drawn.is_floating_point() else 0)
