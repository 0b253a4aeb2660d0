"""What counts as a layer that refuses a form of task, and what as one that breaks."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from makeshift import law_of, subject

from tnverify.contract import Task, Violation
from tnverify.engine import refusals
from tnverify.engine.evaluate import Evaluation, evaluate
from tnverify.faults.plain import PlainNorm
from tnverify.plans import Plan
from tnverify.subjects import Factory, SubjectProber
from tnverify.subjects.guard import Hang
from tnverify.tolerances import expect_close

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from tnverify.contract import Prober

ORDINARY = Plan(context=4, targets=2, channels=2, spatial=(2, 2), profile="normal")


def runs(norm: Prober, task: Task) -> None:
    """The layer's own dtype and layout are those of the task."""
    probe = norm.fresh(task)
    with torch.no_grad():
        _, state = probe.condition(task.context)
        probe.normalize(task.targets, state)


RUNS = law_of(runs)


def refusing(
    context: Callable[[Tensor], bool] = lambda x: False,
    targets: Callable[[Tensor], bool] = lambda x: False,
    error: BaseException | None = None,
) -> type[PlainNorm]:
    """A layer that raises where it is given such a context, or such targets."""
    raised = ValueError("not such\ntasks") if error is None else error

    class Refusing(PlainNorm):
        def condition(self, given: Tensor) -> tuple[Tensor, Any]:
            if context(given):
                raise raised
            return super().condition(given)

        def normalize(self, given: Tensor, state: Any) -> Tensor:
            if targets(given):
                raise raised
            return super().normalize(given, state)

    return Refusing


def asked(layer: type[PlainNorm], task: Task, check: Any = RUNS, step: int = 1) -> Evaluation:
    """Of a subject that was found to be sound, before its layer became this one."""
    changed = replace(subject(PlainNorm), factory=Factory(layer), channel_step=step)
    return evaluate(check, SubjectProber(changed), task)


def of(plan: Plan = ORDINARY, **sizes: Any) -> Task:
    return replace(plan, **sizes).build()


SMALL = {
    "one context item": {"context": 1},
    "one target": {"targets": 1},
    "one row": {"spatial": (1, 3)},
    "one column": {"spatial": (3, 1)},
}


@pytest.mark.parametrize("sizes", SMALL.values(), ids=SMALL)
@pytest.mark.parametrize("side", ["context", "targets"])
def test_a_layer_may_refuse_sets_of_one_item_and_maps_of_one_row(
    side: str, sizes: dict[str, Any]
) -> None:
    """Of either set: both calls belong to one task."""
    task = of(**sizes)
    ended = asked(
        refusing(**{side: lambda x: x.shape in (task.context.shape, task.targets.shape)}), task
    )
    may = side == "targets" or "targets" not in sizes
    assert ended.ending == ("refused" if may else "broken")


@pytest.mark.parametrize("side", ["context", "targets"])
def test_a_layer_may_not_refuse_ordinary_tasks(side: str) -> None:
    sizes = {"context": 2, "targets": 2, "spatial": (2, 2)}
    ended = asked(refusing(**{side: lambda x: True}), of(**sizes))
    during = {"context": "condition", "targets": "normalize"}[side]
    assert ended.ending == "broken"
    assert ended.reason == ended.actual == f"raised ValueError in {during}: not such"
    assert (ended.symptom, ended.expected) == (f"raised ValueError in {during}", "an answer")
    assert not ended.hung


def test_a_refusal_says_what_was_raised() -> None:
    ended = asked(refusing(targets=lambda x: True), of(context=1))
    assert ended == Evaluation(
        "refused",
        "the layer refuses such tasks: raised ValueError in normalize: not such",
        seconds=ended.seconds,
    )


@pytest.mark.parametrize("side", ["context", "targets"])
def test_a_layer_may_refuse_another_dtype(side: str) -> None:
    task = ORDINARY.build(torch.float16)
    assert asked(refusing(**{side: lambda x: x.dtype is torch.float16}), task).ending == "refused"
    for dtype in (torch.float32, torch.float64):
        layer = refusing(**{side: lambda x, dtype=dtype: x.dtype is dtype})
        assert asked(layer, ORDINARY.build(dtype)).ending == "broken"


def test_a_layer_may_refuse_another_rank() -> None:
    for spatial in ((2,), (2, 2, 2)):
        assert asked(refusing(lambda x: x.dim() != 4), of(spatial=spatial)).ending == "refused"


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "turned": lambda x: x.transpose(2, 3),
    "items last": lambda x: x.permute(1, 2, 3, 0).contiguous().permute(3, 0, 1, 2),
    "one item repeated": lambda x: x[:1].expand(3, -1, -1, -1),
}


@pytest.mark.parametrize("laid_out", LAYOUTS.values(), ids=LAYOUTS)
def test_a_layer_may_refuse_another_layout(laid_out: Callable[[Tensor], Tensor]) -> None:
    """What it is asked again has the same layout, and values of its own."""
    values = ORDINARY.build(torch.float32).context
    task = Task(laid_out(values), values[:2].contiguous())
    met: list[Tensor] = []

    def refuses(x: Tensor) -> bool:
        met.append(x)
        return not x.is_contiguous()

    assert asked(refusing(refuses), task).ending == "refused"
    first, second = met
    assert (first.shape, first.stride()) == (second.shape, second.stride())
    assert (first.dtype, first.device) == (second.dtype, second.device)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("side", ["context", "targets"])
def test_plain_values_are_neither_zero_nor_large_nor_alike(side: str) -> None:
    met: list[Tensor] = []
    task = Task(torch.zeros(1, 2, 5, 5).double(), torch.zeros(1, 2, 5, 5).double())
    asked(refusing(**{side: lambda x: met.append(x) is None}), task)
    plain = met[-1]
    assert bool((plain.abs() <= 2).all())
    assert plain.min() < -1.5
    assert plain.max() > 1.5
    assert len(plain.unique()) == plain.numel()


@pytest.mark.parametrize("side", ["context", "targets"])
def test_a_layer_that_raises_for_values_is_broken_whatever_their_form(side: str) -> None:
    """It takes plain values of the same form."""
    layer = refusing(**{side: lambda x: bool((x == 0).any())})
    task = of(Plan(context=1, targets=1, channels=2, spatial=(1, 1), profile="zeros"))
    assert asked(layer, task).ending == "broken"


def test_a_context_that_was_taken_with_plain_values_is_not_tried_with_targets() -> None:
    layer = refusing(context=lambda x: bool((x == 0).any()), targets=lambda x: True)
    task = of(Plan(context=1, targets=1, channels=2, spatial=(1, 1), profile="zeros"))
    assert asked(layer, task).ending == "broken"


@pytest.mark.parametrize(
    "strides", [(0, 3, 1), (3, 0, 1), (0, 0, 1), (6, 3, 0), (0, 0, 0)], ids=str
)
def test_plain_values_are_expanded_where_those_are_that_they_replace(
    strides: tuple[int, ...],
) -> None:
    given = torch.empty(18).as_strided((2, 2, 3), strides)
    plain = refusals._plain(given)
    assert (plain.shape, plain.dtype) == (given.shape, given.dtype)
    assert [step == 0 for step in plain.stride()] == [step == 0 for step in strides]


def test_plain_values_lie_on_the_device_of_those_that_they_replace() -> None:
    away = refusals._plain(torch.empty(2, 1, 3, device="meta"))
    assert away.device.type == "meta"


def test_values_of_the_context_are_replaced_too_before_targets_are_refused() -> None:
    class Remembering(PlainNorm):
        def normalize(self, targets: Tensor, state: Any) -> Tensor:
            if bool((state.mean == 0).any()):
                raise ValueError("no moments")
            return super().normalize(targets, state)

    task = Task(torch.zeros(1, 2, 2, 2), torch.ones(2, 2, 2, 2))
    assert asked(Remembering, task).ending == "broken"


@pytest.mark.parametrize("error", [SystemExit(1), TimeoutError("no answer within 10 s")])
def test_leaving_and_not_answering_are_no_refusals(error: BaseException) -> None:
    ended = asked(refusing(lambda x: len(x) == 1, error=error), of(context=1))
    assert ended.ending == "broken"
    assert ended.hung is isinstance(error, TimeoutError)
    assert ended.symptom == f"raised {type(error).__name__} in condition"


def test_a_layer_that_cannot_be_built_breaks_unless_the_channels_do_not_suit_it() -> None:
    class InTwos(PlainNorm):
        def __init__(self, channels: int) -> None:
            super().__init__(channels)
            if channels % 2 or channels == 6:
                raise ValueError("channels must be even, and not six")

    endings = {n: asked(InTwos, of(channels=n), step=2).ending for n in (3, 4, 6)}
    assert endings == {3: "refused", 4: "held", 6: "broken"}


def test_a_layer_that_raises_when_it_is_shown_the_past_is_broken() -> None:
    class Observing(PlainNorm):
        def observe(self, context: Tensor, targets: Tensor) -> None:
            raise ValueError("not this")

    ended = asked(Observing, of(context=1, targets=1, spatial=(1, 1), past=1))
    assert (ended.ending, ended.symptom) == ("broken", "raised ValueError in observe")


class ObservesEvenBatches(PlainNorm):
    def observe(self, context: Tensor, targets: Tensor) -> None:
        if len(context) % 2:
            raise AssertionError("the batch must be even")


def test_a_layer_may_refuse_odd_batches_when_it_is_shown_the_past() -> None:
    values = ORDINARY.build().context
    odd, even = (replace(of(), past=((values[:n], values[:2]),)) for n in (3, 4))
    assert asked(ObservesEvenBatches, odd).ending == "refused"
    assert asked(ObservesEvenBatches, even).ending == "held"


def _stumbles_on_one_pixel(x: Tensor) -> Tensor:
    return x / (1 // (x[0, 0].numel() - 1))


def _refuses_one_pixel(x: Tensor) -> Tensor:
    if x[0, 0].numel() == 1:
        raise ValueError("maps of one pixel have no variance")
    return x


@pytest.mark.parametrize(
    ("meets", "endings"),
    [(_stumbles_on_one_pixel, ("broken", "refused")), (_refuses_one_pixel, ("refused", "refused"))],
    ids=["by accident", "on purpose"],
)
def test_the_law_about_an_edge_blames_who_stumbles_there_and_no_other_law_does(
    meets: Callable[[Tensor], Tensor], endings: tuple[str, str]
) -> None:
    class Meeting(PlainNorm):
        def condition(self, given: Tensor) -> tuple[Tensor, Any]:
            return super().condition(meets(given))

    about_it = replace(RUNS, edges=("one_pixel",))
    task = of(spatial=(1, 1))
    assert tuple(asked(Meeting, task, law).ending for law in (about_it, RUNS)) == endings


def test_writing_into_the_task_is_undone_however_the_law_ends() -> None:
    class Writing(PlainNorm):
        def condition(self, given: Tensor) -> tuple[Tensor, Any]:
            return super().condition(given.mul_(2))

        def normalize(self, given: Tensor, state: Any) -> Tensor:
            return super().normalize(given.add_(1), state)

    def fails(norm: Prober, task: Task) -> None:
        runs(norm, task)
        raise Violation("no")

    for check in (RUNS, law_of(fails)):
        task = of()
        context, targets = task.context.clone(), task.targets.clone()
        asked(Writing, task, check)
        assert torch.equal(task.context, context)
        assert torch.equal(task.targets, targets)


def test_a_violation_is_told_whole() -> None:
    def fails(norm: Prober, task: Task) -> None:
        one = torch.ones(1, dtype=torch.float64)
        expect_close(one, one + 0.5, 1.0, "halves")
        raise Violation("too bad", symptom="flow", expected="[1]", actual="[2]")

    ended = asked(PlainNorm, of(), law_of(fails))
    assert ended == Evaluation(
        "violated",
        "too bad",
        "flow",
        "[1]",
        "[2]",
        margin=0.5,
        exact=False,
        seconds=ended.seconds,
    )


def test_a_law_that_is_not_done_in_time_is_broken() -> None:
    def late(norm: Prober, task: Task) -> None:
        raise Hang

    ended = asked(PlainNorm, of(), law_of(late))
    assert ended == Evaluation(
        "broken", "the law was not done in time", "hang", hung=True, seconds=ended.seconds
    )


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no interval timers")
@pytest.mark.parametrize(("thorough_only", "seconds"), [(True, 300), (False, 10)])
def test_laws_whose_tasks_take_seconds_have_time(*, thorough_only: bool, seconds: float) -> None:
    left = []

    def looks(norm: Prober, task: Task) -> None:
        left.append(signal.getitimer(signal.ITIMER_REAL)[0])

    assert asked(PlainNorm, of(), law_of(looks, thorough_only=thorough_only)).ending == "held"
    assert seconds / 2 < left[0] <= seconds


def test_how_long_a_law_took_is_noted() -> None:
    before = time.perf_counter()
    seconds = asked(PlainNorm, of()).seconds
    assert 0 < seconds <= time.perf_counter() - before
