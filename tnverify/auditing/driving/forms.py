"""Forms of a call: how a learner is shown a context and asked for predictions."""

from __future__ import annotations

import copy
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tnverify.auditing.driving import words
from tnverify.auditing.driving.making import parameters, required

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tnverify.auditing.task import AuditTask

FIT = (
    "fit", "fit_context", "process_support_set", "set_support", "set_context", "condition", "adapt",
    "adapted", "observe", "learn", "train_on_context", "partial_fit", "finetune", "fine_tune",
)  # fmt: skip
"""Methods that a context is shown to, the likeliest first."""
PREDICT = (
    "predict_proba", "predict_logits", "decision_function", "logits", "predict", "classify",
    "infer", "predict_step", "transform", "normalize", "forward", "__call__",
)  # fmt: skip
"""Methods that predict targets, those that say most first."""
ONE_CALL = ("__call__", "forward", "predict", "loss", "accuracy", "meta_test", "evaluate_task")
"""Methods that may take context, labels and targets together."""
ENCODE = ("encode", "embed", "predict_proba", "decision_function", "predict", "transform",
          "forward", "__call__")  # fmt: skip
"""Methods of predictors without a context."""


@dataclass(frozen=True, slots=True)
class Form:
    """One way to call. `condition(subject, task)` shows the context and returns a state,
    `predict(subject, state, task)` answers the targets. `apart` says that the context is shown
    before targets are, `tables` that items are rows of a NumPy table, `texts` that they are
    texts. `method` is what a single call goes to."""

    name: str
    how: str
    condition: Callable[[Any, AuditTask], Any]
    predict: Callable[[Any, Any, AuditTask], Any]
    apart: bool = True
    tables: bool = False
    texts: bool = False
    method: str = "__call__"


def learner_forms(subject: Any) -> Iterator[Form]:
    """The forms that a learner may have by what its methods and arguments are called."""
    if _has(subject, "clone") and _has(subject, "adapt"):
        yield _CLONED
    is_estimator = _has(subject, "get_params") and _has(subject, "fit")
    for tables in (True,) if is_estimator else (False, True):
        if _has(subject, "fit_predict") and not is_estimator:
            yield _one_call("fit_predict", tables=tables)
        for fit in FIT:
            if _has(subject, fit):
                ways: list[str | None] = [name for name in PREDICT if _has(subject, name)]
                yield from (_two_calls(fit, name, tables=tables) for name in ways or [None])
        for name in ONE_CALL:
            if _has(subject, name) and _takes_context(_method(subject, name)):
                yield _one_call(name, tables=tables)
        if callable(subject) and _is_concatenated(_method(subject, "__call__")):
            yield _concatenated()


def predictor_forms(subject: Any) -> Iterator[Form]:
    """The forms that a predictor may have: a batch in, a row for each of its items out."""
    for tables in (False, True):
        for name in ENCODE:
            if not _has(subject, name):
                continue
            if tables and name in ("forward", "__call__") and isinstance(subject, nn.Module):
                continue
            yield _of_batch(name, tables=tables, listed=False)
            yield _of_batch(name, tables=tables, listed=True)


def looks_like_learner(subject: Any) -> bool:
    """Whether what a subject's methods are called says that it is shown a context."""
    if any(_has(subject, name) for name in (*FIT, "fit_predict")):
        return True
    if _has(subject, "clone") and _has(subject, "adapt"):
        return True
    if any(_has(subject, name) and _takes_context(_method(subject, name)) for name in ONE_CALL):
        return True
    return callable(subject) and _is_concatenated(_method(subject, "__call__"))


def _has(subject: Any, name: str) -> bool:
    if name == "__call__":
        return callable(subject)
    if name == "forward" and isinstance(subject, nn.Module):
        return False  # it is called as __call__, with its hooks
    return callable(getattr(subject, name, None))


def _method(subject: Any, name: str) -> Any:
    """The method whose arguments say most: a module's `forward` in the place of its call."""
    if name == "__call__":
        return subject.forward if isinstance(subject, nn.Module) else subject
    return getattr(subject, name)


def _called(subject: Any, name: str) -> Any:
    return subject if name == "__call__" else getattr(subject, name)


def _takes_context(method: Any) -> bool:
    names = parameters(method)
    needed = required(method)
    if len(needed) < 3 and len(names) < 3:
        return False
    data = [name for name in names if words.is_data(name) or words.is_labels(name)]
    return len(needed) >= 3 or len(data) >= 3


def _is_concatenated(method: Any) -> bool:
    """Whether one tensor holds context and targets, with the context's labels beside it."""
    needed = required(method)
    if len(needed) != 2 or not words.is_data(needed[0]):
        return False
    second = needed[1]
    return words.is_labels(second) or words.is_context(second)


def _filled(method: Any, values: list[tuple[str, Any]], task: AuditTask) -> list[Any] | None:
    """Arguments for a method: what the names say, else in the order of `values`, which pairs each
    value with what it is. None where one is left that nothing is known of."""
    left = dict(values)
    given: list[Any] = []
    for name in _names(method, values):
        kind = _kind(name, left)
        if kind is not None:
            given.append(left.pop(kind))
        elif words.is_way(name):
            given.append(task.way)
        elif words.is_shot(name):
            given.append(max(1, len(task.labels) // max(1, task.way)))
        elif left:
            given.append(left.pop(next(iter(left))))
        else:
            return None
    return given


def _names(method: Any, values: list[tuple[str, Any]]) -> list[str]:
    """The arguments to fill: those without a default, and those beside them that are named as one
    of the values is, such as `y=None`."""
    needed = required(method)
    if not needed:
        return [kind for kind, _ in values]
    beside = [
        name
        for name in parameters(method)
        if name not in needed and (words.is_labels(name) or words.is_targets(name))
    ]
    return [*needed, *beside[: max(0, len(values) - len(needed))]]


def _kind(name: str, left: dict[str, Any]) -> str | None:
    """Which of the values that are left an argument of this name is."""
    if words.is_way(name) or (words.is_shot(name) and not words.is_context(name)):
        return None
    labels = words.is_labels(name)
    wanted: tuple[str, ...]
    if words.is_targets(name) and not words.is_context(name):
        wanted = ("target_labels",) if labels else ("targets",)
    elif labels:
        wanted = ("labels", "target_labels")
    elif words.is_context(name):
        wanted = ("context",)
    else:
        wanted = ("context", "targets")
    return next((each for each in wanted if each in left), None)


def _arguments(task: AuditTask, tables: bool) -> dict[str, Any]:
    values: dict[str, Any] = {
        "context": task.context, "labels": task.labels, "targets": task.targets,
        "target_labels": task.target_labels,
    }  # fmt: skip
    # Callers own what they hand over: what a learner writes to it must not reach later calls.
    given: dict[str, Any] = {name: value.clone() for name, value in values.items()}
    if tables:
        given = {
            name: value.flatten(1).numpy() if "label" not in name else value.numpy()
            for name, value in given.items()
        }
    if task.handed is not None:
        before = {name: torch.as_tensor(value).clone() for name, value in given.items()}
        task.handed.extend((name, given[name], before[name]) for name in given)
    return given


def _call(method: Any, named: Any, values: list[tuple[str, Any]], task: AuditTask) -> Any:
    given = _filled(method, values, task)
    if given is None:
        raise TypeError(f"what to give {', '.join(required(method))} is not known")
    return named(*given)


def _two_calls(fit: str, name: str | None, *, tables: bool) -> Form:
    def condition(subject: Any, task: AuditTask) -> Any:
        values = _arguments(task, tables)
        given = [(name, values[name]) for name in ("context", "labels")]
        answer = _call(getattr(subject, fit), getattr(subject, fit), given, task)
        if answer is None or answer is subject:
            return subject
        return _Fitted(subject, answer)

    def predict(_subject: Any, state: Any, task: AuditTask) -> Any:
        targets = _arguments(task, tables)["targets"]
        if isinstance(state, _Fitted):
            return state.predict(targets)
        return (_predicting(state) if name is None else _called(state, name))(targets)

    asked = "the learner" if name in (None, "__call__") else name
    how = f"{fit}(context, labels), then {asked}(targets)" + (" on tables" if tables else "")
    return Form(fit, how, condition, predict, tables=tables)


@dataclass(slots=True)
class _Fitted:
    """What a `fit` returned that is not the learner itself."""

    subject: Any
    answer: Any

    def predict(self, targets: Any) -> Any:
        if callable(self.answer) or any(_has(self.answer, name) for name in PREDICT[:6]):
            return _predicting(self.answer)(targets)
        method = _predicting(self.subject)
        if len(required(_signed(method))) >= 2:
            return method(targets, self.answer)
        return method(targets)


def _signed(method: Any) -> Any:
    return method.forward if isinstance(method, nn.Module) else method


def _predicting(subject: Any) -> Callable[..., Any]:
    """The method that predicts, of those that there are the one that says most."""
    for name in PREDICT:
        if _has(subject, name):
            method: Callable[..., Any] = _called(subject, name)
            return method
    raise TypeError(f"the {type(subject).__name__} has no method that predicts")


def _one_call(name: str, *, tables: bool) -> Form:
    order = ("context", "labels", "targets", "target_labels")

    def predict(subject: Any, _state: Any, task: AuditTask) -> Any:
        values = _arguments(task, tables)
        method = _method(subject, name)
        return _call(method, _called(subject, name), [(n, values[n]) for n in order], task)

    how = "one call with context, labels and targets" + (" as tables" if tables else "")
    called = "the learner" if name == "__call__" else name
    return Form(
        "one_call", f"{how} ({called})", lambda _subject, _task: None, predict, apart=False,
        tables=tables, method=name,
    )  # fmt: skip


def hands_target_labels(subject: Any, form: Form) -> bool:
    """Whether the form, as this subject is called, hands it the labels of targets."""
    if form.name != "one_call":
        return False
    names = required(_method(subject, form.method))
    return any(words.is_labels(name) and words.is_targets(name) for name in names)


def _concatenated() -> Form:
    def predict(subject: Any, _state: Any, task: AuditTask) -> Any:
        answer = subject(torch.cat([task.context, task.targets]), task.labels.clone())
        return _last(answer, len(task.context), task.count)

    return Form(
        "concatenated", "one call with context and targets in one tensor", lambda *_: None, predict,
        apart=False,
    )  # fmt: skip


def _last(answer: Any, before: int, count: int) -> Any:
    """The rows of targets, where those of the context stand before them."""
    if isinstance(answer, Tensor) and answer.dim() and len(answer) == before + count:
        return answer[before:]
    return answer


def _adapt(subject: Any, task: AuditTask) -> Any:
    learner = subject.clone()
    for _ in range(5):
        learner.adapt(cross_entropy(learner(task.context.clone()), task.labels))
    return learner


_CLONED = Form(
    "clone_and_adapt", "clone(), five steps of adapt(loss on the context), then called", _adapt,
    lambda _subject, state, task: state(task.targets.clone()),
)  # fmt: skip


def _of_batch(name: str, *, tables: bool, listed: bool) -> Form:
    def predict(subject: Any, _state: Any, task: AuditTask) -> Any:
        targets = _arguments(task, tables)["targets"]
        method = _called(subject, name)
        extra = [
            value for argument in required(_signed(method))[1:] for value in _beside(argument, task)
        ]
        return method(list(targets) if listed else targets, *extra)

    form = "a list of items" if listed else "a table" if tables else "a batch"
    called = "" if name == "__call__" else f" ({name})"
    return Form("batch", f"called with {form}{called}", lambda *_: None, predict, tables=tables)


def _beside(argument: str, task: AuditTask) -> list[Any]:
    """What is given beside a batch: a mask of all its places, lengths that are all whole."""
    length = task.shape[0] if task.shape else 1
    if "mask" in argument:
        return [torch.ones(task.count, length, dtype=torch.bool)]
    if "len" in argument:
        return [torch.full((task.count,), length)]
    raise TypeError(f"what to give {argument} is not known")


def copied(subject: Any) -> Any:
    """A copy of a fitted subject; itself where it cannot be copied."""
    try:
        return subject if inspect.isroutine(subject) else copy.deepcopy(subject)
    except Exception:  # noqa: BLE001 - copying runs the subject's own code
        return subject
