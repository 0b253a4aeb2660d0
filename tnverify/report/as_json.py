"""A run as JSON, in the form that `report.schema.json` (beside this file) lays down.

`from_json` (in `tnverify.report.reading`) is the inverse of `to_json`.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict
from importlib.resources import files
from typing import TYPE_CHECKING

from tnverify import __version__
from tnverify.report import words

if TYPE_CHECKING:
    from tnverify.contract.measured import Fingerprint
    from tnverify.engine.results import (
        Counterexample,
        LawVerdict,
        RunReport,
        SubjectReport,
    )

SCHEMA_VERSION = 2

_HALVES = re.compile("[\\ud800-\\udfff]")


def schema() -> dict[str, object]:
    """The JSON schema of the report."""
    text = files("tnverify.report").joinpath("report.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, object] = json.loads(text)
    return loaded


def to_json(run: RunReport) -> str:
    """The report as text: keys in the order of the schema, two spaces, a newline at the end."""
    text = json.dumps(report_dict(run), indent=2, ensure_ascii=False, allow_nan=False)
    # Halves of a pair of surrogates, which messages may hold, are no UTF-8.
    return _HALVES.sub(lambda half: f"\\u{ord(half[0]):04x}", text) + "\n"


def report_dict(run: RunReport) -> dict[str, object]:
    """The report as JSON-ready values; NaN and infinities are strings.

    What a law says of itself stands once, in `catalogue`, however many subjects were asked.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "tnverify_version": __version__,
        "command": run.command,
        "environment": {key: plain(value) for key, value in run.environment.items()},
        "profile": run.profile,
        "seed": run.seed,
        "started_at": run.started_at,
        "seconds": run.seconds,
        "partial": {"only": list(run.only), "skip": list(run.skip)} if run.is_partial else None,
        "interrupted": run.interrupted,
        "asleep": list(run.asleep),
        "catalogue": _catalogue(run),
        "subjects": [_subject(subject) for subject in run.subjects],
    }


def _catalogue(run: RunReport) -> dict[str, object]:
    """What laws say of themselves beside what every verdict repeats, by name."""
    laws = {v.law.name: v.law for subject in run.subjects for v in subject.laws}
    return {
        name: {
            "statement": law.statement,
            "why": law.why,
            "remedy": law.remedy,
            "doc": law.doc,
            "max_tasks": law.max_tasks,
        }
        for name, law in laws.items()
    }


def _subject(subject: SubjectReport) -> dict[str, object]:
    flow = subject.fingerprint
    return {
        "spec": subject.spec,
        "adapter": subject.adapter,
        "adapter_given": subject.adapter_given,
        "adapter_evidence": subject.evidence,
        "claims": {
            "scheme": subject.scheme,
            "modifiers": list(subject.modifiers),
            "inferred": subject.inferred,
        },
        "verdict": subject.verdict,
        "conforms_as": words.conforming_kind(subject),
        "reason": subject.reason,
        "recipe": None if subject.recipe is None else plain(subject.recipe.as_json()),
        "seconds": subject.seconds,
        "cautions": list(subject.cautions),
        "notes": list(subject.notes),
        "bug": subject.bug,
        "audit": None if subject.audit is None else plain(asdict(subject.audit)),
        "fingerprint": None if flow is None else _fingerprint(flow),
        "flows": [asdict(each) for each in subject.flows],
        "nearness": None if subject.nearness is None else plain(asdict(subject.nearness)),
        "like_faults": list(subject.like_faults),
        "asked": None if subject.asked is None else asdict(subject.asked),
        "causes": [
            {
                "title": cause.title,
                "laws": list(cause.laws),
                "undecided": list(cause.undecided),
            }
            for cause in subject.causes
        ],
        "laws": [_law(verdict) for verdict in subject.laws],
    }


def _fingerprint(flow: Fingerprint) -> dict[str, object]:
    return {
        "target_reads": list(flow.target_reads),
        "context_reads": list(flow.context_reads),
        "nearest_scheme": flow.nearest_scheme,
        "target_unmeasured": list(flow.target_unmeasured),
        "context_unmeasured": list(flow.context_unmeasured),
        "why_unmeasured": flow.why_unmeasured,
    }


def _law(verdict: LawVerdict) -> dict[str, object]:
    law, example = verdict.law, verdict.counterexample
    return {
        "name": law.name,
        "family": law.family,
        "level": law.level,
        "kind": law.kind,
        "lane": verdict.lane,
        "held_as": verdict.held_as,
        "source": law.source,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "cause": verdict.cause,
        "symptom": verdict.symptom,
        "expected": verdict.expected,
        "actual": verdict.actual,
        "examples": verdict.examples,
        "to_detection": verdict.to_detection,
        "refused": verdict.refused,
        "seconds": verdict.seconds,
        "formula_seconds": verdict.formula_seconds,
        "margin": verdict.margin,
        "effect": None if verdict.effect is None else plain(asdict(verdict.effect)),
        "counterexample": None if example is None else _counterexample(example),
    }


def _counterexample(example: Counterexample) -> dict[str, object]:
    return {
        "summary": example.summary,
        "plan": plain(example.plan),
        "context": plain(example.context),
        "target": plain(example.targets),
        "calls": list(example.calls),
        "effect": plain(example.effect),
        "boundary": [plain(asdict(each)) for each in example.boundary],
        "reproducer": example.reproducer,
        "reproducer_path": example.path,
        "reproducer_verified": example.verified,
        "standalone": example.standalone,
    }


def plain(value: object) -> object:
    """The value with every NaN and infinity in it as `NaN`, `Infinity` or `-Infinity`."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value
