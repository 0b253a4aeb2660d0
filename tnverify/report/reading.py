"""Reports read back from JSON: `from_json(to_json(run)) == run`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, get_args

from tnverify.bad_input import BadInput
from tnverify.catalogue.laws import Kind, LawFacts, Level
from tnverify.contract.measured import Fingerprint, Nearness
from tnverify.engine.results import (
    Asked,
    Boundary,
    Cause,
    Claimed,
    Command,
    Counterexample,
    Dimension,
    Effect,
    Flow,
    Found,
    LawVerdict,
    Outcome,
    Output,
    RunReport,
    SubjectReport,
    Verdict,
)
from tnverify.report.as_json import SCHEMA_VERSION
from tnverify.report.fields import FieldError, Fields
from tnverify.report.reading_audits import audited_in
from tnverify.subjects.recipe import SubjectRecipe

if TYPE_CHECKING:
    from pathlib import Path


class ReportError(BadInput):
    """A file that holds no report that can be read; the message is one line."""


def read_report(path: Path) -> RunReport:
    """The report in a file. Raises ReportError, naming the file."""
    try:
        return from_json(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise ReportError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ReportError(f"{path}: it is no text in UTF-8, so no report of tnverify") from None
    except ReportError as error:
        raise ReportError(f"{path}: {error}") from None


def from_json(text: str) -> RunReport:
    """The report that `to_json` wrote. Raises ReportError for any other text."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        cut = "" if text.rstrip().endswith("}") else " (it ends too soon: was it cut short?)"
        raise ReportError(f"it is no JSON: {error}{cut}") from None
    except RecursionError:
        raise ReportError("it is no report of tnverify: it is nested too deeply") from None
    if not isinstance(data, dict) or "schema_version" not in data:
        raise ReportError("it is no report of tnverify: it has no schema_version")
    version = data["schema_version"]
    if version != SCHEMA_VERSION:
        raise ReportError(
            f"a report of version {version}, where this tnverify reads version {SCHEMA_VERSION}:"
            " verify again to have a new one"
        )
    try:
        return _run(Fields.of(data, ""))
    except (FieldError, ValueError) as error:
        raise ReportError(f"it is damaged: {error}") from None


def _run(fields: Fields) -> RunReport:
    partial = fields.maybe("partial", fields.inner)
    texts = fields.inner("catalogue")
    subjects = fields.each("subjects", lambda each: _subject(each, texts))
    return RunReport(
        command=fields.one_of("command", get_args(Command)),
        environment=dict(fields.inner("environment").values),
        profile=fields.text("profile"),
        seed=fields.whole("seed"),
        started_at=fields.text("started_at"),
        seconds=fields.number("seconds"),
        subjects=subjects,
        interrupted=fields.flag("interrupted"),
        asleep=fields.texts("asleep"),
        only=() if partial is None else partial.texts("only"),
        skip=() if partial is None else partial.texts("skip"),
    )


def _subject(fields: Fields, texts: Fields) -> SubjectReport:
    claims = fields.inner("claims")
    return SubjectReport(
        spec=fields.text("spec"),
        verdict=fields.one_of("verdict", get_args(Verdict)),
        adapter=fields.maybe_text("adapter"),
        adapter_given=fields.flag("adapter_given"),
        evidence=fields.maybe_text("adapter_evidence"),
        scheme=claims.maybe_text("scheme"),
        modifiers=claims.texts("modifiers"),
        inferred=claims.flag("inferred"),
        reason=fields.maybe_text("reason"),
        fingerprint=fields.maybe("fingerprint", lambda n: _fingerprint(fields.inner(n))),
        flows=fields.each("flows", _flow),
        asked=fields.maybe("asked", lambda n: _asked(fields.inner(n))),
        laws=fields.each("laws", lambda each: _verdict(each, texts)),
        causes=fields.each("causes", _cause),
        nearness=fields.maybe("nearness", lambda n: _nearness(fields.inner(n))),
        like_faults=fields.texts("like_faults"),
        notes=fields.texts("notes"),
        cautions=fields.texts("cautions"),
        recipe=fields.maybe("recipe", lambda n: SubjectRecipe.from_json(fields.inner(n).values)),
        bug=fields.maybe_text("bug"),
        seconds=fields.number("seconds"),
        audit=fields.maybe("audit", lambda n: audited_in(fields.inner(n))),
    )


def _fingerprint(fields: Fields) -> Fingerprint:
    return Fingerprint(
        fields.texts("target_reads"),
        fields.texts("context_reads"),
        fields.maybe_text("nearest_scheme"),
        fields.texts("target_unmeasured"),
        fields.texts("context_unmeasured"),
        fields.maybe_text("why_unmeasured"),
    )


def _flow(fields: Fields) -> Flow:
    return Flow(
        fields.text("source"),
        fields.one_of("output", get_args(Output)),
        fields.one_of("found", get_args(Found)),
        fields.maybe("claimed", lambda name: fields.one_of(name, get_args(Claimed))),
    )


def _asked(fields: Fields) -> Asked:
    return Asked(*(fields.whole(name) for name in ("channels", "items", "side", "values")))


def _nearness(fields: Fields) -> Nearness:
    return Nearness(
        fields.text("scheme"),
        fields.number("largest"),
        fields.whole("differing"),
        fields.whole("tasks"),
    )


def _cause(fields: Fields) -> Cause:
    return Cause(fields.texts("laws"), fields.maybe_text("title"), fields.texts("undecided"))


def _verdict(fields: Fields, texts: Fields) -> LawVerdict:
    def one_of(name: str, *known: str) -> str | None:
        found: str | None = fields.maybe(name, lambda n: fields.one_of(n, known))
        return found

    return LawVerdict(
        law=_law(fields, texts),
        outcome=fields.one_of("outcome", get_args(Outcome)),
        reason=fields.maybe_text("reason"),
        lane=fields.one_of("lane", ("float64", "native", "both")),
        held_as=one_of("held_as", "exact", "rounded"),  # type: ignore[arg-type]  # one of these
        examples=fields.whole("examples"),
        to_detection=fields.maybe("to_detection", fields.whole),
        seconds=fields.number("seconds"),
        formula_seconds=fields.number("formula_seconds"),
        margin=fields.maybe("margin", fields.number),
        expected=fields.maybe_text("expected"),
        actual=fields.maybe_text("actual"),
        symptom=fields.maybe_text("symptom"),
        counterexample=fields.maybe("counterexample", lambda n: _counterexample(fields.inner(n))),
        refused=fields.whole("refused"),
        cause=fields.maybe_text("cause"),
        effect=fields.maybe("effect", lambda n: _effect(fields.inner(n))),
    )


def _law(fields: Fields, texts: Fields) -> LawFacts:
    name = fields.text("name")
    said = texts.inner(name)
    return LawFacts(
        name=name,
        family=fields.text("family"),
        level=fields.one_of("level", get_args(Level)),
        kind=fields.one_of("kind", get_args(Kind)),
        source=fields.text("source"),
        doc=said.text("doc"),
        why=said.text("why"),
        remedy=said.text("remedy"),
        max_tasks=said.maybe("max_tasks", said.whole),
    )


def _effect(fields: Fields) -> Effect:
    return Effect(fields.number("largest"), fields.number("median"), fields.whole("tasks"))


def _counterexample(fields: Fields) -> Counterexample:
    return Counterexample(
        plan=fields.inner("plan").values,
        context=fields.list("context"),
        targets=fields.list("target"),
        boundary=fields.each("boundary", _boundary),
        reproducer=fields.text("reproducer"),
        verified=fields.flag("reproducer_verified"),
        path=fields.maybe_text("reproducer_path"),
        summary=fields.text("summary"),
        calls=fields.texts("calls"),
        effect=fields.maybe("effect", fields.number),
        standalone=fields.text("standalone"),
    )


def _boundary(fields: Fields) -> Boundary:
    found = Boundary(
        fields.one_of("dimension", get_args(Dimension)),
        fields.wholes("failing"),
        fields.wholes("passing"),
        fields.wholes("undecided"),
    )
    if not (found.failing or found.passing or found.undecided):
        raise FieldError(f"{fields.where} names no size")
    return found
