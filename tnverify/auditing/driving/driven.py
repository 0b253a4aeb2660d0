"""A subject that can be driven: fresh instances of it, shown contexts and asked for predictions."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch

from tnverify.auditing.driving.holdings import every_module, widen
from tnverify.auditing.driving.making import Maker, Size, seed_all
from tnverify.auditing.driving.outputs import NotRows, rows_of
from tnverify.contract.outcomes import SubjectRaised
from tnverify.contract.surroundings import modes_of_torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from tnverify.auditing.driving.forms import Form
    from tnverify.auditing.task import AuditTask

Kind = Literal["learner", "predictor", "evaluation"]
Lane = Literal["native", "float64"]
_BUILD, _FIT, _PREDICT = 11, 12, 13
"""What is added to a seed before each step: no step draws what another did."""


@dataclass(frozen=True, slots=True)
class Driven:
    """A learner or a predictor with the form in which it is called and the tasks that it takes.

    `dtype` is that of its items; tables of NumPy are float64, as scikit-learn computes.
    """

    spec: str
    kind: Kind
    maker: Maker
    form: Form
    size: Size
    notes: tuple[str, ...] = ()
    hands_labels: bool = False

    @property
    def dtype(self) -> torch.dtype:
        return torch.float64 if self.form.tables else torch.float32

    def session(self, lane: Lane = "native", seed: int = 0, *, build: int | None = None) -> Session:
        """A fresh subject. `build` has another seed for its starting values alone."""
        try:
            subject = self.maker.fresh((seed if build is None else build) + _BUILD)
        except Exception as error:
            raise SubjectRaised(error, "build") from error
        if lane == "float64":
            widen(subject)
        return Session(self, subject, lane, seed)


class Session:
    """One subject over some calls, each seeded, so that equal calls draw equal numbers.

    Whatever the subject raises comes as SubjectRaised, an answer without a row a target as NotRows.
    """

    def __init__(self, driven: Driven, subject: Any, lane: Lane, seed: int) -> None:
        self.driven, self.subject, self.lane, self.seed = driven, subject, lane, seed
        self.state: Any = None
        self.left: list[str] = []
        """What calls changed of torch's modes, in words; each was put back after its call."""
        self._task: AuditTask | None = None

    def fit(self, task: AuditTask, *, reseed: bool = True, seed: int | None = None) -> Session:
        """Show the context of a task; without `reseed` no seed is set,
        `seed` is another one."""
        self._task = self._given(task)
        with self._calling("fit"):
            if reseed:
                seed_all((self.seed if seed is None else seed) + _FIT)
            self.state = self.driven.form.condition(self.subject, self._task)
        return self

    def predict(self, task: AuditTask, *, seed: int | None = None, reseed: bool = True) -> Tensor:
        """Outputs for the targets of a task after the context that was shown, a row a target.

        `seed` is another one for this call, without `reseed` none is set.
        """
        return self.raw(task, seed=seed, reseed=reseed).detach().clone()

    def raw(self, task: AuditTask, *, seed: int | None = None, reseed: bool = True) -> Tensor:
        """As `predict`, with the graph that the subject left behind its outputs."""
        assert self._task is not None
        asked = self._given(task).with_context(self._task.context, self._task.labels)
        with self._calling("predict"):
            if reseed:
                seed_all((self.seed if seed is None else seed) + _PREDICT)
            answer = self.driven.form.predict(self.subject, self.state, asked)
        return rows_of(answer, task.count)

    def answer(self, task: AuditTask) -> Tensor:
        """What the subject predicts of a task that it is shown now."""
        return self.fit(task).predict(task)

    @property
    def modules(self) -> dict[str, torch.nn.Module]:
        """The modules that the subject, and what it was fitted to, computes with."""
        found = every_module(self.subject)
        known = {id(module) for module in found.values()}
        beside = {
            path: module
            for path, module in every_module(self.state).items()
            if id(module) not in known
        }
        return {**beside, **found}

    def _given(self, task: AuditTask) -> AuditTask:
        wide = self.lane == "float64" or self.driven.form.tables
        return task.in_dtype(torch.float64 if wide else torch.float32)

    @contextmanager
    def _calling(self, during: str) -> Iterator[None]:
        before = torch.get_default_dtype()
        if self.lane == "float64":
            torch.set_default_dtype(torch.float64)
        around = modes_of_torch()
        try:
            yield
        except NotRows:
            raise
        except Exception as error:
            raise SubjectRaised(error, during) from error
        finally:
            self.left.extend(around.put_back())
            torch.set_default_dtype(before)
