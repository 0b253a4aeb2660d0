"""Laws of the family `training`, beyond what test_families asks of all."""

from __future__ import annotations

import pytest
import torch
import trials
from replaying import replay

from tnverify.engine.evaluate import evaluate
from tnverify.faults import training as planted
from tnverify.norms import BatchRenorm, ConventionalBN
from tnverify.plans import Plan
from tnverify.properties import training
from tnverify.subjects import Factory, SubjectProber, from_factory

TASK = Plan(context=4, targets=3, channels=2, spatial=(2, 3), profile="normal", seed=5)


def frozen(layer: type, claims: str) -> SubjectProber:
    return SubjectProber(from_factory("made", Factory(layer), claims, "frozen"))


@pytest.mark.parametrize(
    ("layer", "claims"),
    [
        (planted.TrainedNorm, "conventional_bn"),
        (planted.RenormNorm, "batch_renorm"),
        (torch.nn.BatchNorm2d, "conventional_bn"),
        (lambda channels: torch.nn.BatchNorm2d(channels, momentum=None), "conventional_bn"),
    ],
)
def test_sound_layers_keep_the_laws(layer: type, claims: str) -> None:
    laws = [law for law in training.LAWS if not law.thorough_only]
    for record in replay(frozen(layer, claims).subject, laws, tasks=16):
        assert record.failure is None, f"{record.law.name}: {record.failure}"
        assert record.counted or record.not_claimed, record.law.name


@pytest.mark.parametrize("unbiased", [False, True])
@pytest.mark.parametrize("made", [BatchRenorm, ConventionalBN])
def test_either_variance_is_taken_for_right(made: type, unbiased: bool) -> None:
    subject = trials.subject_of(lambda channels: made(channels, unbiased=unbiased), made.scheme)
    for record in replay(subject, training.LAWS[:2], tasks=12):
        assert record.failure is None, record.law.name
        assert record.counted, record.law.name


def test_a_graph_that_breaks_is_told_and_one_that_holds_is_none() -> None:
    (law,) = (law for law in training.LAWS if law.thorough_only)
    task = TASK.build(torch.float32)
    ended = evaluate(law, frozen(planted.ReadsItsCount, "conventional_bn"), task)
    assert ended.ending == "violated"
    for layer in (planted.TrainedNorm, torch.nn.BatchNorm2d):
        assert evaluate(law, frozen(layer, "conventional_bn"), task).ending == "held"


class LeavesNan(torch.nn.Module):
    """The unbiased variance of one value enters its running moments, for good."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.running_mean: torch.Tensor
        self.running_var: torch.Tensor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        dims = (0, *range(2, x.dim()))
        if self.training:
            count = x.numel() // x.shape[1]
            with torch.no_grad():
                var, mean = torch.var_mean(x, dims, correction=0)
                self.running_mean.lerp_(mean, 0.1)
                self.running_var.lerp_(var * count / torch.tensor(count - 1.0), 0.1)
        shape = (1, -1, *(1,) * (x.dim() - 2))
        var = self.running_var.view(shape)
        return (x - self.running_mean.view(shape)) / (var + 1e-5).sqrt()


def test_nan_that_one_value_leaves_is_told_by_the_law_about_that_alone() -> None:
    subject = trials.subject_of(LeavesNan, "conventional_bn")
    one = Plan(context=1, targets=1, channels=2, spatial=(1, 1), profile="normal").build()
    found = {
        law.name: evaluate(law, SubjectProber(subject), one).ending
        for law in training.LAWS
        if law.name in ("a_training_step_counts_once", "a_batch_of_one_value_leaves_no_nan")
    }
    assert found == {
        "a_training_step_counts_once": "says_nothing",
        "a_batch_of_one_value_leaves_no_nan": "violated",
    }


def test_a_refusal_that_comes_when_the_damage_is_done_is_no_must() -> None:
    names = ("a_batch_of_one_value_leaves_no_nan", "a_refused_batch_leaves_no_nan")
    found = laws_of(planted.RefusesTooLate, names)
    assert found == {names[0]: ("must", "held"), names[1]: ("should", "violated")}
    found = laws_of(planted.OneValueIsNaN, names)
    assert found == {names[0]: ("must", "violated"), names[1]: ("should", "not_claimed")}
    found = laws_of(torch.nn.BatchNorm2d, names)
    assert found == {names[0]: ("must", "held"), names[1]: ("should", "held")}


def laws_of(layer: type, names: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """Return how laws end on a task, with their levels."""
    found = {}
    for law in training.LAWS:
        if law.name in names:
            ended = evaluate(law, frozen(layer, "conventional_bn"), TASK.build())
            found[law.name] = (law.level, ended.ending)
    return found


def test_a_step_that_answers_nothing_is_not_held_to_a_formula() -> None:
    class Silent(planted.TrainedNorm):
        def condition(self, context: torch.Tensor) -> tuple[torch.Tensor, None]:
            return self.predicted(context), None

        def normalize(self, targets: torch.Tensor, state: None) -> torch.Tensor:
            return self.predicted(targets)

        def observe(self, context: torch.Tensor, targets: torch.Tensor) -> None:
            self(context)
            self(targets)

    prober = SubjectProber(trials.subject_of(Silent, "conventional_bn"))
    ended = evaluate(training.LAWS[0], prober, TASK.build())
    assert ended.ending == "not_claimed"
    assert "returns no outputs" in str(ended.reason)
