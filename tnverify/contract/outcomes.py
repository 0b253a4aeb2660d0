"""How evaluating a law on one task can end, other than by returning."""

from __future__ import annotations

from typing import Any, Literal

Symptom = Literal[
    "flow", "value", "not_finite", "gradient", "state", "form", "not_refused",
    "cancellation", "detached", "raised", "random",
]  # fmt: skip
"""What kind of evidence a violation is; violations that share one are shown as one cause.

`cancellation`: digits are lost far from zero, and nothing else is wrong. `detached`: moments are
cut from the graph, which explains the gradient. `raised`: an exception where values were asked for.
`random`: two equal calls differ."""


class Violation(AssertionError):  # noqa: N818 - a law's word for it, and what users read
    """The law does not hold on this task; the message carries what was expected and what came.

    `expected` and `actual` are short renderings of the values that disagree, shown apart in
    the terminal. `effect` is the largest finite difference between them, where values were
    compared.
    """

    def __init__(
        self,
        message: str,
        *,
        symptom: Symptom = "value",
        expected: str | None = None,
        actual: str | None = None,
        effect: float | None = None,
    ) -> None:
        super().__init__(message)
        self.symptom = symptom
        self.expected = expected
        self.actual = actual
        self.effect = effect


class SaysNothing(Exception):  # noqa: N818 - it is no error: this task is not evidence
    """The law says nothing about this task, which therefore does not count."""


class NotClaimed(Exception):  # noqa: N818 - it is no error: the subject promises nothing here
    """The subject does not claim what the law is about; the message is the reason."""


class SubjectRaised(Exception):  # noqa: N818 - the error is the subject's, carried in `error`
    """The subject itself raised. `error` is its exception; `during` names the call that raised.

    `during` is one of build, observe, condition, normalize, backward.
    """

    def __init__(self, error: BaseException, during: str) -> None:
        super().__init__(f"{type(error).__name__} in {during}: {first_line(error)}")
        self.error = error
        self.during = during
        self.probe: Any = None
        """The instance that raised, and `given` the tensor that it was called with, if any."""
        self.given: Any = None


def first_line(error: BaseException) -> str:
    """The first line of an exception's message, with the one after it where it only announces
    that; its repr where there is none."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return repr(error)
    return " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]
