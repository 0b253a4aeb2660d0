"""What surrounds a norm, and what is cut from its graph, as measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trials

from tnverify.faults.gradients import DetachedContextMoments, OwnMomentsDetached
from tnverify.faults.plain import PlainNorm, PlainTaskNorm, State
from tnverify.power.sound.surrounded import RectifiedBehind, ResidualNorm
from tnverify.subjects import SubjectProber
from tnverify.subjects.infer import probe_tasks
from tnverify.subjects.surroundings import measure_detached, surroundings

if TYPE_CHECKING:
    from torch import Tensor


class Raises(PlainNorm):
    def normalize(self, targets: Tensor, state: State) -> Tensor:
        raise RuntimeError(targets.shape, state)


def _said(made: type, claims: str = "inductive") -> tuple[str, ...]:
    subject = trials.subject_of(made, claims)
    return surroundings(SubjectProber(subject), probe_tasks(subject))


def _detached(made: type, claims: str) -> bool:
    subject = trials.subject_of(made, claims)
    return measure_detached(SubjectProber(subject), probe_tasks(subject))


def test_an_activation_and_a_residual_are_said_and_nothing_of_a_norm_alone() -> None:
    (activation,) = _said(RectifiedBehind)
    assert "ReLU" in activation
    (residual,) = _said(ResidualNorm)
    assert "grow as the input does" in residual
    assert _said(PlainNorm, "meta_bn") == ()
    assert _said(Raises, "meta_bn") == ()


def test_detached_is_measured() -> None:
    assert _detached(DetachedContextMoments, "meta_bn")
    assert _detached(OwnMomentsDetached, "tasknorm_i")
    assert not _detached(PlainNorm, "meta_bn")
    assert not _detached(PlainTaskNorm, "tasknorm_i")
    assert not _detached(Raises, "meta_bn")
