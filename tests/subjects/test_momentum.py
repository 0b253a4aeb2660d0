"""What is said of how fast running moments move."""

from __future__ import annotations

import pytest
from torch import nn

from tnverify import norms
from tnverify.faults.plain import PlainNorm
from tnverify.subjects import SubjectProber
from tnverify.subjects.momentum import momentum_notes
from tnverify.subjects.ordinary import ordinary_tasks
from tnverify.subjects.resolve import from_factory
from tnverify.subjects.subject import Factory


class WeighsWhatWasBefore(nn.BatchNorm2d):
    """Shows the momentum of the other convention."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, momentum=0.25)

    def forward(self, x):  # type: ignore[no-untyped-def]  # as nn.BatchNorm2d's
        shown, self.momentum = self.momentum, 1 - self.momentum
        try:
            return super().forward(x)
        finally:
            self.momentum = shown


class MovesTwice(nn.BatchNorm2d):
    """Moves its moments twice a call."""

    def forward(self, x):  # type: ignore[no-untyped-def]  # as nn.BatchNorm2d's
        super().forward(x)
        return super().forward(x)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (nn.BatchNorm2d, "0.1 of the way to a batch's: momentum 0.1 weighs the batch"),
        (WeighsWhatWasBefore, "0.75 of the way to a batch's: momentum 0.25 weighs what was"),
        (MovesTwice, "0.19 of the way to a batch's, which no momentum of 0.1 makes"),
        (norms.ConventionalBN, "0.1 of the way to a batch's: momentum 0.1 weighs the batch"),
    ],
)
def test_the_part_of_the_way_and_its_convention_are_told(made: type, said: str) -> None:
    (note,) = _notes(made, "conventional_bn")
    assert said in note


def test_a_layer_without_running_moments_is_told_nothing_of_them() -> None:
    assert _notes(PlainNorm, "meta_bn") == ()
    assert _notes(PlainNorm, "conventional_bn") == ()


def _notes(made: type, claims: str) -> tuple[str, ...]:
    subject = from_factory(made.__name__, Factory(made), claims)
    return momentum_notes(SubjectProber(subject), ordinary_tasks(subject)[0])
