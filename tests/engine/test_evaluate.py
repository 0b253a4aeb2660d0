"""How a law ends on one task, whatever the subject does."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, NoReturn

import pytest
import torch
from makeshift import law_of, normalizing, subject

from tnverify.contract import NotClaimed, SaysNothing, Violation
from tnverify.engine.evaluate import evaluate
from tnverify.faults.plain import PlainNorm
from tnverify.plans import Plan
from tnverify.subjects import SubjectProber, guard
from tnverify.tolerances import expect_close, expect_same

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from tnverify.contract import Prober, Task
    from tnverify.engine import evaluate as evaluating

ORDINARY = Plan(context=4, targets=2, channels=2, spatial=(2, 2), profile="normal")
SINGLE = Plan(context=1, targets=1, channels=2, spatial=(1, 1), profile="normal")


def ask(
    check: Callable[[Prober, Task], None],
    layer: Callable[[int], object] = PlainNorm,
    plan: Plan = ORDINARY,
) -> evaluating.Evaluation:
    return evaluate(law_of(check), SubjectProber(subject(layer)), plan.build())


def runs(norm: Prober, task: Task) -> None:
    norm.run(task)


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (Violation("no"), "violated"),
        (SaysNothing("too few"), "says_nothing"),
        (NotClaimed("no handle"), "not_claimed"),
    ],
)
def test_what_a_law_raises_is_its_ending(error: Exception, ending: str) -> None:
    def check(norm: Prober, task: Task) -> None:
        raise error

    ended = ask(check)
    assert (ended.ending, ended.reason) == (ending, str(error))


def test_an_error_in_the_laws_own_code_is_not_swallowed() -> None:
    def check(norm: Prober, task: Task) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask(check)


def raising(error: BaseException) -> Callable[[Tensor], Tensor]:
    def change(targets: Tensor) -> NoReturn:
        raise error

    return change


@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(0), AssertionError("theirs")])
def test_a_subject_that_raises_on_an_ordinary_task_is_broken(error: BaseException) -> None:
    ended = ask(runs, normalizing(raising(error)))
    assert ended.ending == "broken"
    assert type(error).__name__ in str(ended.reason)


def test_ctrl_c_is_the_users_and_passes() -> None:
    with pytest.raises(KeyboardInterrupt):
        ask(runs, normalizing(raising(KeyboardInterrupt())))


def test_a_task_whose_form_alone_is_refused_does_not_count() -> None:
    def change(targets: Tensor) -> Tensor:
        if targets.shape[2] == 1:
            raise ValueError("expected more than one pixel")
        return targets

    assert ask(runs, normalizing(change), SINGLE).ending == "refused"
    assert ask(runs, normalizing(change)).ending == "held"


def test_an_exception_that_depends_on_values_is_broken_whatever_the_form() -> None:
    def change(targets: Tensor) -> Tensor:
        if bool((targets == 0).any()):
            raise ValueError("no zeros please")
        return targets

    zeros = Plan(context=1, targets=1, channels=2, spatial=(1, 1), overrides=((1, 0, 0.0),))
    assert ask(runs, normalizing(change), zeros).ending == "broken"


def test_an_exception_in_backward_is_broken() -> None:
    class Raising(torch.autograd.Function):
        @staticmethod
        def forward(ctx: object, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: object, grad: Tensor) -> Tensor:
            raise RuntimeError("no way back")

    def check(norm: Prober, task: Task) -> None:
        probe = norm.fresh(task)
        targets = task.targets.clone().requires_grad_()
        _, state = probe.condition(task.context)
        probe.grad(probe.normalize(targets, state).sum(), [targets])

    ended = ask(check, normalizing(Raising.apply), SINGLE)
    assert (ended.ending, ended.symptom) == ("broken", "raised RuntimeError in backward")


def test_a_hang_ends_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "HANG_SECONDS", 0.2)

    asked = []

    def hang(targets: Tensor) -> Tensor:
        asked.append(targets)
        try:
            time.sleep(60)
        except Exception:  # noqa: BLE001 - a layer that swallows everything must not swallow the limit
            time.sleep(60)
        return targets

    ended = ask(runs, normalizing(hang))
    assert ended.ending == "broken"
    assert ended.hung
    assert "no answer within" in str(ended.reason)
    assert len(asked) <= 3  # a layer whose task state is in the open is known without calls


def hands_over(norm: Prober, task: Task) -> None:
    """The task's own tensors, where `run` would hand over copies."""
    probe = norm.fresh(task)
    _, state = probe.condition(task.context)
    probe.normalize(task.targets, state)


def test_edits_of_the_task_are_undone_for_the_laws_that_follow() -> None:
    task = ORDINARY.build()
    before = task.targets.clone()
    layer = normalizing(lambda x: x.mul_(2))
    evaluate(law_of(hands_over), SubjectProber(subject(layer)), task)
    assert torch.equal(task.targets, before)


def test_edits_of_a_task_that_has_a_poisoned_item_are_undone_too() -> None:
    task = ORDINARY.build()
    task.targets[1] = torch.nan
    before = task.targets.clone()
    layer = normalizing(lambda x: x.nan_to_num_().mul_(-1))
    evaluate(law_of(hands_over), SubjectProber(subject(layer)), task)
    assert torch.equal(task.targets.view(torch.int64), before.view(torch.int64))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_edits_are_undone_in_every_dtype_and_layout(dtype: torch.dtype) -> None:
    plain = ORDINARY.build(dtype)
    task = plain.with_sets(targets=plain.targets.to(memory_format=torch.channels_last))
    before = task.targets.clone()
    layer = normalizing(torch.Tensor.zero_)
    evaluate(law_of(hands_over), SubjectProber(subject(layer)), task)
    assert torch.equal(task.targets, before)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda x: x[:, :1], "have shape"),
        (lambda x: x.float(), "torch.float32"),
        (lambda x: None, "not a tensor"),
    ],
    ids=["shape", "dtype", "type"],
)
def test_an_answer_of_the_wrong_form_is_violated(
    change: Callable[[Tensor], Tensor], says: str
) -> None:
    class Wrong(PlainNorm):
        def normalize(self, targets: Tensor, state: object) -> Tensor:
            return change(targets)

    ended = ask(runs, Wrong)
    assert (ended.ending, ended.symptom) == ("violated", "form")
    assert says in str(ended.reason)


def test_the_worst_error_as_a_share_of_its_bound_is_the_margin() -> None:
    def check(norm: Prober, task: Task) -> None:
        one = torch.ones(2, dtype=torch.float64)
        expect_close(one, one + torch.tensor([0.25, 0.5]), 1.0, "halves")
        expect_close(one, one, 1.0, "the same")

    ended = ask(check)
    assert (ended.ending, ended.margin, ended.exact) == ("held", 0.5, False)


def test_nan_is_never_within_a_bound() -> None:
    def check(norm: Prober, task: Task) -> None:
        nan = torch.full((2,), torch.nan)
        expect_close(nan, nan, 1e9, "NaN")

    ended = ask(check)
    assert (ended.ending, ended.symptom) == ("violated", "not_finite")


def test_bit_for_bit_means_it() -> None:
    def check(norm: Prober, task: Task) -> None:
        one = torch.ones((), dtype=torch.float64)
        expect_same(one + sys.float_info.epsilon, one, "one ulp")

    assert ask(check).ending == "violated"
