"""A run as one HTML page that a reader who does not know the tool can follow."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tnverify import __version__
from tnverify.contract.claims import SCHEMES
from tnverify.report import boundaries, plain, words
from tnverify.report.budget import budget_text
from tnverify.report.formulas import formula
from tnverify.report.layout import clipped, printable
from tnverify.report.page import Page
from tnverify.report.page.colours import ground, tones
from tnverify.report.verification.drawing import drawn
from tnverify.report.verification.reading import COLUMNS, LEGEND, marks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from markupsafe import Markup

    from tnverify.catalogue.laws import LawFacts
    from tnverify.engine.results import Cause, LawVerdict, RunReport, SubjectReport

_PAGE = Page("tnverify.report.verification", "page.html.j2", "page.css", "page.js")

_BYTES = 50_000
"""What a page may have for each subject, and for so many as `_FEWEST` at least."""

_FEWEST = 20

_GRAVITY = ("violates", "unusable", "inconclusive", "conforms")

OUTCOMES = {
    "held": "holds",
    "violated": "fails",
    "broken": "raises an error",
    "stale_waiver": "its waiver is out of date",
    "waived": "fails, and is waived",
    "inconclusive": "not decided",
    "not_claimed": "not claimed",
}

_TONES = {
    "violates": "bad", "unusable": "unsure", "inconclusive": "unsure", "conforms": "good",
    "held": "good", "violated": "bad", "broken": "bad", "stale_waiver": "bad", "waived": "unsure",
    "not_claimed": "quiet",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Detail:
    """What a page holds beside what no page may lack: of each layer the programs of so many
    causes, so many causes whole and the others in a line, and the tables of laws that hold."""

    programs: int = 1_000_000
    whole: int = 1_000_000
    held: bool = True

    @property
    def left_out(self) -> str:
        """What is left out, in words; empty where nothing is."""
        most = _Detail()
        parts = ["most programs" if self.programs else "programs"]
        parts += ["the tasks of most failures"] if self.whole < most.whole else []
        parts += ["the tables of laws that hold"] if not self.held else []
        return "" if self == most else words.joined(parts)


_DETAILS = (
    _Detail(),
    _Detail(programs=1),
    _Detail(programs=1, held=False),
    _Detail(programs=1, whole=3, held=False),
    _Detail(programs=0, whole=1, held=False),
    _Detail(programs=0, whole=0, held=False),
)
"""From all there is to the least, in which a page of many failures still fits."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """A subject with its place in the run and what the page shows of it."""

    number: int
    report: SubjectReport
    failing: list[tuple[Cause, list[LawVerdict]]]
    advice: list[tuple[Cause, list[LawVerdict]]]

    @property
    def anchor(self) -> str:
        return f"s{self.number}"


def to_html(run: RunReport) -> str:
    """The page. Where it would grow beyond 1 MB for 20 subjects, less is shown of each, which it
    says."""
    limit = _BYTES * max(_FEWEST, len(run.subjects))
    page = ""
    for detail in _DETAILS:
        page = _page(run, detail)
        if len(page.encode()) <= limit:
            return page
    return page


def framed(run: RunReport) -> str:
    """The page in a frame, so that a notebook's styles and the page's leave each other alone."""
    page = html.escape(to_html(run), quote=True)
    style = "width: 100%; height: 42rem; border: 1px solid #8886; border-radius: 8px"
    frame = f'title="tnverify" sandbox="allow-scripts" style="{style}"'
    return f'<iframe {frame} srcdoc="{page}"></iframe>'


def _page(run: RunReport, detail: _Detail) -> str:
    shown = [
        _Shown(
            number,
            subject,
            words.failing_groups(subject, "must"),
            words.failing_groups(subject, "should"),
        )
        for number, subject in enumerate(run.subjects, 1)
    ]
    ordered = sorted(shown, key=lambda each: _GRAVITY.index(each.report.verdict))
    laws = {v.law.name: v.law for s in run.subjects for v in s.laws}
    values: dict[str, Any] = {
        "title": plain.heading(run),
        "run": run,
        "subjects": ordered,
        "failing": [each for each in ordered if each.failing],
        "advised": [each for each in ordered if each.advice],
        "laws": list(laws.values()),
        "numbers": {name: number for number, name in enumerate(laws, 1)},
        "families": list(dict.fromkeys(law.family for law in laws.values())),
        "verdicts": [v for v in _GRAVITY if any(s.verdict == v for s in run.subjects)],
        "columns": COLUMNS,
        "legend": LEGEND,
        "flows": any(each.report.audit is None for each in ordered),
        "detail": detail,
        "budget": budget_text(run),
        "partial": words.partial(run),
        "version": __version__,
        "outcomes": OUTCOMES,
        "schemes": SCHEMES,
    }
    calls: dict[str, Callable[..., Any]] = {
        "sentence": plain.sentence,
        "finding": plain.finding,
        "effect": plain.effect,
        "small": plain.smallness,
        "claims_of": words.claims_of,
        "headline": words.headline,
        "marks": marks,
        "drawn": drawn,
        "sentences": boundaries.sentences,
        "boundary": boundaries.sentence,
        "is_alike": boundaries.is_alike,
        "sizes": boundaries.sizes_of,
        "dimension": lambda name: boundaries.NAMES[name][1],
        "ending": _ending,
        "tone": lambda name: _TONES.get(name, "unsure"),
        "formula": formula,
        "by_family": _by_family,
        "counts": _counts,
        "bar": _bar,
        "spaced": lambda name: name.replace("_", " "),
        "count": words.count,
        "paragraphs": _paragraphs,
        "told_apart": _told_apart,
        "prose": _prose,
        "brief": lambda text: clipped(text, 160),
    }
    page = printable(_PAGE.html([*ground(), *tones()], values, calls))
    return page.encode("utf-8", "backslashreplace").decode()


def _ending(found: Any, size: int) -> tuple[str, str]:
    """How a size ends: the class of its square, and the word for who cannot see it."""
    if size in found.failing:
        return "f", "fails"
    return ("k", "passes") if size in found.passing else ("u", "not decided")


def _by_family(verdicts: Iterable[LawVerdict]) -> list[tuple[str, list[LawVerdict]]]:
    found: dict[str, list[LawVerdict]] = {}
    for verdict in verdicts:
        found.setdefault(verdict.law.family, []).append(verdict)
    return list(found.items())


def _counts(verdicts: Iterable[LawVerdict]) -> str:
    """`2 fail, 110 hold, 12 not claimed`."""
    verdicts = list(verdicts)
    bad = sum(v.is_bad for v in verdicts)
    advised = sum(v.is_shown and not v.is_bad for v in verdicts)
    parts = [f"{bad} fail"] if bad else []
    parts += [f"{advised} worth knowing"] if advised else []
    for outcome, word in (("held", "hold"), ("waived", "waived"), ("inconclusive", "undecided"),
                          ("not_claimed", "not claimed")):  # fmt: skip
        number = sum(v.outcome == outcome for v in verdicts)
        parts += [f"{number} {word}"] if number else []
    return ", ".join(parts)


def _bar(margin: float) -> int:
    """The length of a margin's bar, of 100: full where all that rounding explains is used up."""
    return max(1, min(100, round(100 * margin)))


def _paragraphs(law: LawFacts) -> tuple[str, ...]:
    return law.explanation


def _told_apart(verdict: LawVerdict) -> bool:
    """Whether expected and actual values say what the reason does not."""
    return verdict.expected is not None and verdict.actual is not None


def _prose(text: str) -> Markup:
    """The text escaped, what stands between backticks as code."""
    from markupsafe import Markup, escape

    parts = str(escape(text)).split("`")
    if len(parts) % 2 == 0:  # a backtick without its fellow is one
        return escape(text)
    return Markup("".join(f"<code>{p}</code>" if n % 2 else p for n, p in enumerate(parts)))  # noqa: S704 - escaped above
