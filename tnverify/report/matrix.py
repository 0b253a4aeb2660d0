"""Several subjects at a glance: a row each, a column for each family of laws."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from tnverify.report import words
from tnverify.report.layout import paragraph

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tnverify.engine.results import LawVerdict, SubjectReport

_GAP = 2
_QUESTION, _READ = "apart?", "they read"
_SHORT = {"context": "context", "other_targets": "others", "targets": "targets", "past": "past"}
_LEGEND = (
    ("ok", "holds"),
    ("3", "laws that fail"),
    ("~", "only should-level laws fail"),
    ("w", "waived"),
    ("?", "inconclusive"),
    ("-", "not claimed"),
)


class _Cell(NamedTuple):
    mark: str
    style: str


def matrix_lines(subjects: Sequence[SubjectReport], width: int) -> Iterator[Text]:
    """The legend, then a row a layer. A row whose spec does not fit its column has it on a line of
    its own, above the marks, so that no word is broken and the columns stand."""
    families = tuple(dict.fromkeys(v.law.family for s in subjects for v in s.laws))
    codes = family_codes(families)
    advisory = any(
        _cell([v for v in s.laws if v.law.family == f]).mark == "~"
        for s in subjects if s.verdict == "conforms" for f in families
    )  # fmt: skip
    legend = list(_legend(families, codes, width, advisory=advisory))
    yield from (*legend, Text("")) if legend else ()
    yield from _rows(subjects, families, codes, width)
    closing = _closing(subjects)
    if closing:
        yield Text("")
        yield from paragraph(closing, width)


def _rows(
    subjects: Sequence[SubjectReport], families: Sequence[str], codes: dict[str, str], width: int
) -> Iterator[Text]:
    answers = [_inductive(subject) for subject in subjects]
    answered = max(map(len, (_QUESTION, *(answer.mark for answer in answers))))
    verdict_width = max(len("verdict"), *(len(s.verdict) for s in subjects))
    reads = [_reads(subject) for subject in subjects]
    right = len(families) * 3 + verdict_width + 2 * _GAP + max(map(len, (_READ, *reads)))
    right += answered + _GAP
    longest = max(len("layer"), *(len(subject.spec) for subject in subjects))
    left = max(min(longest, width - right - _GAP), _GAP)

    header = Text("layer".ljust(left)[:left] if left >= len("layer") else " " * left, style="dim")
    header.append(" " * _GAP + _QUESTION.ljust(answered))
    header.append(" " * _GAP + "".join(f"{codes[f]:>2} " for f in families))
    header.append(" " * _GAP + "verdict".ljust(verdict_width) + " " * _GAP + _READ)
    yield header
    for subject, answer, read in zip(subjects, answers, reads, strict=True):
        if len(subject.spec) > left:
            yield Text(subject.spec)
            row = Text(" " * left)
        else:
            row = Text(subject.spec.ljust(left))
        row.append(" " * _GAP)
        row.append(answer.mark.ljust(answered), style=answer.style)
        row.append(" " * _GAP)
        for family in families:
            cell = _cell([v for v in subject.laws if v.law.family == family])
            row.append(f"{cell.mark:>2} ", style=cell.style)
        row.append(" " * _GAP)
        row.append(subject.verdict.ljust(verdict_width), style=words.verdict_style(subject))
        row.append(" " * _GAP + read)
        row.rstrip()
        yield row


def family_codes(families: Sequence[str]) -> dict[str, str]:
    """Two letters for each family, no two alike: the first two, else the first and a later one."""
    codes: dict[str, str] = {}
    for family in families:
        letters = [letter for letter in family if letter.isalnum()]
        tries = [letters[0] + later for later in (*letters[1:], *"0123456789")]
        codes[family] = next(code for code in tries if code not in codes.values())
    return codes


def _cell(verdicts: Sequence[LawVerdict]) -> _Cell:
    bad = sum(verdict.is_bad for verdict in verdicts)
    outcomes = {verdict.outcome for verdict in verdicts}
    if bad:
        return _Cell(str(bad), "bold red")
    if any(v.outcome == "inconclusive" and v.law.level == "must" for v in verdicts):
        return _Cell("?", "yellow")
    if any(verdict.is_shown for verdict in verdicts):
        return _Cell("~", "yellow")
    for outcome, cell in (
        ("waived", _Cell("w", "yellow")),
        ("held", _Cell("ok", "green")),
        ("inconclusive", _Cell("?", "yellow")),
        ("not_claimed", _Cell("-", "dim")),
    ):
        if outcome in outcomes:
            return cell
    return _Cell("", "")


def _inductive(subject: SubjectReport) -> _Cell:
    """Whether targets keep apart, in a word; what was not decided is a question mark."""
    if words.is_transductive(subject):
        return _Cell("no", "yellow" if subject.verdict == "conforms" else "bold red")
    laws = [v for v in subject.laws if v.law.family == "transductivity" and v.law.level == "must"]
    if any(v.is_bad for v in laws):
        return _Cell("no", "bold red")
    if any(v.outcome in ("held", "waived") for v in laws):
        return _Cell("yes", "green")
    return _Cell("?" if subject.laws else "", "yellow")


def _closing(subjects: Sequence[SubjectReport]) -> str:
    """How many of the conforming layers are inductive, and how many claim not to be."""
    conforming = [s for s in subjects if s.verdict == "conforms"]
    claimed = sum(map(words.is_transductive, conforming))
    if not claimed:
        return ""
    apart = len(conforming) - claimed
    as_claimed = "as it claims" if claimed == 1 else "as they claim"
    return f"Of those that conform: {apart} inductive, {claimed} transductive, {as_claimed}."


def _reads(subject: SubjectReport) -> str:
    """Whom targets read besides themselves, which they always do; `itself` where nobody."""
    if subject.fingerprint is None:
        return ""
    read = subject.fingerprint.target_reads
    return ", ".join(short for name, short in _SHORT.items() if name in read) or "itself"


def _legend(
    families: Sequence[str], codes: dict[str, str], width: int, *, advisory: bool
) -> Iterator[Text]:
    if not families:
        return
    named = ", ".join(f"{codes[family]} {family.replace('_', ' ')}" for family in families)
    yield from paragraph(f"Families of laws: {named}.", width, style="dim")
    marks = ", ".join(f"{mark} {meaning}" for mark, meaning in _LEGEND)
    yield from paragraph(f"Marks: {marks}.", width, style="dim")
    text = f"{_QUESTION} Whether targets keep apart from each other; whom {_READ} but themselves."
    yield from paragraph(text, width, style="dim")
    if advisory:
        text = "What a ~ stands for is shown where its layer is verified alone."
        yield from paragraph(text, width, style="dim")
