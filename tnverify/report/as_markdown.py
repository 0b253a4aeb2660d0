"""A run as Markdown for a comment on a pull request: failures first, and never too long for one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tnverify.report import plain, words
from tnverify.report.advice import advice
from tnverify.report.boundaries import sentences
from tnverify.report.budget import budget_text
from tnverify.report.layout import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tnverify.engine.results import Cause, LawVerdict, RunReport

MOST_BYTES = 60_000
"""GitHub takes 65,536 characters; what it counts is not said, so bytes, and some to spare."""

_RESERVED = 400
"""Bytes for the sentence that says what was cut."""

_SPECIAL = re.compile(r"([\\`*_\[\]#|~!$^]|^[-+=]|^\d+(?=[.)]))")


@dataclass(frozen=True, slots=True)
class _Block:
    """A part of the comment that is there whole or not at all; `what` it is called if cut."""

    text: str
    what: str


def to_markdown(run: RunReport) -> str:
    """The comment: what became of the run, each failure with its smallest task and program, then
    the layers in a table. What does not fit is left out whole, from the end, and counted."""
    head = f"## tnverify: {escaped(plain.heading(run))}\n\n{_of_the_run(run)}\n"
    blocks = [*_failures(run), *_table(run), *_programs(run), *_advice(run)]
    kept, left = [head], MOST_BYTES - _RESERVED - len(head.encode())
    cut: dict[str, int] = {}
    for block in blocks:
        size = len(block.text.encode("utf-8", "backslashreplace")) + 1
        if size > left or cut.get("the table of layers"):
            cut[block.what] = cut.get(block.what, 0) + 1
        else:
            kept.append(block.text)
            left -= size
    if cut:
        named = words.joined([_counted(what, number) for what, number in cut.items()])
        kept.append(
            f"> Cut to fit a comment: {named}. All of it is in the report as JSON or HTML.\n"
        )
    return "\n".join(kept)


def _counted(what: str, number: int) -> str:
    return what if what.startswith("the ") else words.count(number, what)


def _of_the_run(run: RunReport) -> str:
    facts = [f"profile {run.profile}", f"seed {run.seed}", f"{run.seconds:.1f} s"]
    facts += [
        f"{key} {run.environment[key]}" for key in ("torch", "python") if key in run.environment
    ]
    said = [escaped(", ".join(facts) + ".")]
    if run.interrupted:
        said.append("**Interrupted: this is what was found so far.**")
    said += [escaped(text) for text in (words.partial(run), budget_text(run)) if text]
    return " ".join(said)


def _failures(run: RunReport) -> Iterator[_Block]:
    for subject in run.subjects:
        if subject.verdict == "conforms":
            continue
        mark = {"violates": "❌", "unusable": "⛔"}.get(subject.verdict, "❔")
        cautions = "".join(f"\n> {escaped(text)}\n" for text in subject.cautions)
        yield _Block(
            f"### {mark} {code(subject.spec)}\n\n**{subject.verdict}**:"
            f" {escaped(plain.sentence(subject))}\n{cautions}",
            "layer",
        )
        for cause, group in words.failing_groups(subject, "must"):
            yield _Block(_failure(cause, group), "failure")


def _failure(cause: Cause, group: list[LawVerdict]) -> str:
    telling, *others = group
    law = telling.law
    lines = [f"#### {escaped(plain.finding(cause, group))}", ""]
    said = advice(telling)
    why = said.why or " ".join(law.explanation)
    lines += [f"{escaped(why)}\n"] if why else []
    lines += [f"**What to change:** {escaped(said.change)}\n"] if said.change else []
    lines += [f"- law: {code(law.name)} ({escaped(law.source)})"]
    lines += [f"- found: {escaped(telling.reason)}"] if telling.reason else []
    if telling.effect is not None:
        lines.append(f"- effect: {escaped(plain.effect(telling.effect, law.family))}")
    if telling.expected is not None and telling.actual is not None:
        lines.append(f"- expected {code(telling.expected)}, output {code(telling.actual)}")
    example = telling.counterexample
    if example is not None:
        lines.append(
            f"- {plain.failing_task(example)}: {code(example.summary or 'see the program')}"
        )
        lines += [f"- it {escaped(said)}" for said in sentences(example.boundary)]
    if others:
        named = ", ".join(code(v.law.name) for v in others[:8])
        more = f" and {len(others) - 8} more" if len(others) > 8 else ""
        lines.append(f"- also fails: {named}{more}")
    if cause.undecided:
        laws = words.count(len(cause.undecided), "law")
        lines.append(f"- {laws} could not be decided because of it")
    return "\n".join(lines) + "\n"


def _table(run: RunReport) -> Iterator[_Block]:
    rows = ["| layer | verdict | claims | targets read |", "|---|---|---|---|"]
    for subject in run.subjects:
        flow = subject.fingerprint
        reads = "" if flow is None else words.reads(flow.target_reads)
        cells = (
            code(subject.spec, in_table=True), subject.verdict, escaped(words.claims_of(subject)),
            escaped(reads),
        )  # fmt: skip
        rows.append(f"| {' | '.join(cells)} |")
    if run.subjects:
        yield _Block("\n".join(rows) + "\n", "the table of layers")


def _programs(run: RunReport) -> Iterator[_Block]:
    for subject in run.subjects:
        for _, group in words.failing_groups(subject, "must"):
            example = group[0].counterexample
            if example is None or not example.reproducer:
                continue
            name = escaped(f"{group[0].law.name}, {subject.spec}")
            yield _Block(
                f"<details><summary>Program that fails the same way: {name}</summary>\n\n"
                f"{fenced(example.reproducer, 'python')}\n</details>\n",
                "program",
            )


def _advice(run: RunReport) -> Iterator[_Block]:
    for subject in run.subjects:
        groups = words.failing_groups(subject, "should")
        if not groups:
            continue
        lines = [
            f"- {escaped(plain.finding(cause, group))} {code(group[0].law.name)}"
            for cause, group in groups
        ]
        text = "\n".join(lines)
        yield _Block(
            f"<details><summary>Worth knowing of {escaped(subject.spec)}: these do not decide the"
            f" verdict</summary>\n\n{text}\n\n</details>\n",
            "list of remarks",
        )


def escaped(text: str) -> str:
    """The text as one line that Markdown and HTML take for plain text, and that mentions nobody."""
    line = " ".join(_harmless(text).split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(_escape, line).replace("@", "&#64;").replace("://", "&#58;//")


def _escape(found: re.Match[str]) -> str:
    """The character behind a backslash; of a number that would begin a list, its point."""
    return f"{found[0]}\\" if found[0].isdecimal() else f"\\{found[0]}"


def code(text: str, *, in_table: bool = False) -> str:
    """The text as code in a line, whatever backticks it has."""
    line = " ".join(_harmless(text).split()) or " "
    if in_table:
        line = line.replace("|", "\\|")
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    edge = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{edge}{line}{edge}{fence}"


def fenced(text: str, language: str = "") -> str:
    """The text as a block of code, whatever fences it has."""
    text = _harmless(text)
    fence = "`" * max(3, max(map(len, re.findall("`+", text)), default=0) + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}\n"


def _harmless(text: str) -> str:
    return printable(text.encode("utf-8", "backslashreplace").decode())
