"""Texts for predictors that take a list of them: numbers of a task turned into words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tnverify.auditing.driving.forms import ENCODE, Form

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from tnverify.auditing.task import AuditTask

_WORDS = (
    "a", "the", "norm", "task", "context", "target", "mean", "small", "batch", "learner", "of",
    "reads", "is", "not", "with", "other", "sum", "few", "shots", "and", "moment", "then", "large",
    "network", "by", "class", "image", "from", "scale", "weight", "every", "one",
)  # fmt: skip


def forms_of_texts(subject: Any) -> Iterator[Form]:
    """The forms in which a predictor may take a list of texts."""
    for name in ENCODE:
        if name != "forward" and callable(_called(subject, name)):
            yield _of_texts(name)


def _called(subject: Any, name: str) -> Any:
    return subject if name == "__call__" else getattr(subject, name, None)


def _of_texts(name: str) -> Form:
    def predict(subject: Any, _state: Any, task: AuditTask) -> Any:
        return _called(subject, name)([text_of(row) for row in task.targets])

    called = "" if name == "__call__" else f" ({name})"
    return Form(
        "texts", f"called with a list of texts{called}", lambda *_: None, predict, texts=True
    )


def text_of(row: Tensor) -> str:
    """The text that a row of numbers stands for: its first number says how many words there are,
    each other one a word. Texts of other numbers are others, but for a few."""
    numbers = [abs(int(value * 64)) for value in row.detach().double().flatten().tolist()]
    length = 1 + numbers[0] % max(1, len(numbers) - 1)
    return " ".join(_WORDS[number % len(_WORDS)] for number in numbers[1 : 1 + length])
