"""A model that draws at random while it predicts is told so, and not that it reads other rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from tnverify.auditing.laws import LAWS
from tnverify.power.audits import told_of
from tnverify.power.sound.learners import SoundSubject

if TYPE_CHECKING:
    from torch import Tensor


class DropoutLeftOn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5))
        self.train()

    def forward(self, items: Tensor) -> Tensor:
        answers: Tensor = self.net(items)
        return answers


def test_no_law_says_that_it_reads_other_rows() -> None:
    subject = SoundSubject("DropoutLeftOn", "predictor", DropoutLeftOn, "inductive", {})
    told = {each.verdict.law.name: each.verdict for each in told_of(subject, LAWS, "quick", 0)}
    flow = ("other_targets", "number_of_targets")
    assert not [v.law.name for v in told.values() if v.is_bad and v.law.family in flow]
    assert told["predicting_twice_gives_the_same"].outcome == "violated"
