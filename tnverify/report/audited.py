"""What an audit found, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.report.layout import clipped

if TYPE_CHECKING:
    from tnverify.contract.measured import Audited, Entry, Worth
    from tnverify.engine.results import SubjectReport

_FEWEST = 4
"""Tasks from which on an interval says something."""

VERDICTS = {
    "bit_equal": "Inductive: bit-equal.",
    "rounding": "Inductive up to rounding.",
    "content_rounding": "Inductive but for rounding that content moves.",
    "reads": "Transductive: reads other targets.",
    "undecided": "Not decided whether it reads other targets.",
}
"""What is said first of other targets, for each finding."""


def verdict(found: Audited) -> str:
    """The finding on other targets, in the words that an audit always has for it."""
    if found.claims == "online" and found.leak == "bit_equal":
        return "Online: reads no later target."
    if found.kind == "evaluation" and found.leak == "reads" and not found.content:
        return "What it returns depends on how its items are batched or ordered."
    return VERDICTS[found.leak]


def numbers(found: Audited) -> str:
    """The sentences with the numbers behind the verdict."""
    if found.leak == "bit_equal":
        return _equal(found)
    if found.leak == "rounding":
        return _rounding(found)
    if found.leak == "content_rounding":
        return (
            f"Predictions move by at most {_size(found.content)}{_wide(found)} with what other"
            " targets hold, no more than a unit in the last place explains."
        )
    if found.leak == "undecided":
        return "No law about other targets could be decided."
    return " ".join(filter(None, (_moved(found), _lost(found.worth), _enters(found.enters))))


def _tasks(found: Audited) -> str:
    return f"{found.tasks} task{'' if found.tasks == 1 else 's'}"


def _equal(found: Audited) -> str:
    if found.kind == "evaluation":
        return "No bit moved with the batch size or the order of its items."
    return f"No prediction moved by a bit when the other targets did ({_tasks(found)})."


def _rounding(found: Audited) -> str:
    what = "Predictions move"
    if found.kind == "evaluation":
        what = "What it returns moves"
    return (
        f"{what} by at most {_size(found.number)} with the shape of the batch, never with its"
        f" content{_wide(found, ';')}."
    )


def _wide(found: Audited, mark: str = "") -> str:
    if found.wide is None:
        return ""
    if found.wide == 0:
        return f"{mark} (not at all in float64)" if not mark else f"{mark} not at all in float64"
    size = f"{_size(found.wide)} in float64"
    return f"{mark} {size}" if mark else f" ({size})"


def _moved(found: Audited) -> str:
    if found.kind == "evaluation":
        return (
            "What it returns for the same items moved by up to"
            f" {_size(max(found.content, found.number))} with their batches or order."
        )
    least = "" if found.from_targets is None else f", from {found.from_targets} targets on"
    if found.content > 0:
        what = "later targets" if found.claims == "online" else "other targets"
        return f"Changing {what} moved a prediction by up to {_size(found.content)}{least}."
    return (
        "How many targets there are, or how long the longest is, moved a prediction by up to"
        f" {_size(found.number)}; what they hold did not."
    )


def _lost(worth: Worth | None) -> str:
    if worth is None:
        return ""
    how = "stays at" if round(worth.together) == round(worth.alone) else (
        "falls" if worth.alone < worth.together else "rises"
    )  # fmt: skip
    if how == "stays at":
        return (
            f"Evaluated one item at a time, accuracy on these tasks stays at {worth.alone:.0f} %."
        )
    interval = f"{worth.lost:+.0f} points together, 95 %: {worth.low:+.0f} to {worth.high:+.0f}"
    interval = f" ({interval}, {worth.tasks} tasks)" if worth.tasks >= _FEWEST else ""
    return (
        f"Evaluated one item at a time, accuracy on these tasks {how} from {worth.together:.0f} %"
        f" to {worth.alone:.0f} %{interval}; by class it is {worth.by_class:.0f} %."
    )


def _enters(entry: Entry | None) -> str:
    if entry is None:
        return ""
    mode = "training" if entry.training else "evaluation"
    path = f"`{entry.path}`" if entry.path else "the module itself"
    said = f"It enters at {path} ({entry.module}, in {mode} mode during predict)."
    return f"{said} {entry.remedy}" if entry.remedy else said


def _size(value: float) -> str:
    return f"{value:.2g}" if value < 0.1 else f"{value:.3g}"


def sentence(subject: SubjectReport) -> str:
    """What to know of an audited subject beside the finding itself."""
    assert subject.audit is not None
    said = numbers(subject.audit)
    fails = sum(v.is_bad and v.symptom != "flow" for v in subject.laws)
    if subject.audit.leak != "reads" and fails:
        said += f" {_other(fails)}"
    return said


def _other(number: int) -> str:
    return "Something else is wrong." if number == 1 else f"{number} laws of other things fail."


def claims(subject: SubjectReport) -> str:
    """What it is held to."""
    assert subject.audit is not None
    held = subject.audit.claims
    return f"{held} (as declared)" if subject.audit.given else f"{held} (nothing was declared)"


def driven(subject: SubjectReport) -> str:
    """How it was driven, in a line."""
    assert subject.audit is not None
    how = clipped(subject.audit.how, 200)
    return f"{subject.audit.kind}: {how}" if how else subject.audit.kind
