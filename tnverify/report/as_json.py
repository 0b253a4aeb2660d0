"""A run as JSON, in the form that `report.schema.json` (beside this file) lays down."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict
from importlib.resources import files
from typing import TYPE_CHECKING

from tnverify import __version__
from tnverify.report import words
from tnverify.report.paths import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from tnverify.contract.measured import Fingerprint
    from tnverify.engine.results import (
        Counterexample,
        LawVerdict,
        RunReport,
        SubjectReport,
    )

SCHEMA_VERSION = 1


def schema() -> dict[str, object]:
    """The JSON schema of the report."""
    text = files("tnverify.report").joinpath("report.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, object] = json.loads(text)
    return loaded


def write_json(run: RunReport, path: Path) -> None:
    """Write the report to `path`, whole or not at all. Raises OSError where it cannot."""
    write_atomically(path, report_text(run))


def report_text(run: RunReport) -> str:
    """The report as text: keys in the order of the schema, two spaces, a newline at the end."""
    return json.dumps(report_dict(run), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def report_dict(run: RunReport) -> dict[str, object]:
    """The report as JSON-ready values; NaN and infinities among a task's values are strings."""
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
        "subjects": [_subject(subject) for subject in run.subjects],
    }


def _subject(subject: SubjectReport) -> dict[str, object]:
    flow = subject.fingerprint
    return {
        "spec": subject.spec,
        "adapter": subject.adapter,
        "claims": {
            "scheme": subject.scheme,
            "modifiers": list(subject.modifiers),
            "inferred": subject.inferred,
        },
        "verdict": subject.verdict,
        "conforms_as": words.conforming_kind(subject),
        "reason": subject.reason,
        "cautions": list(subject.cautions),
        "notes": list(subject.notes),
        "fingerprint": None if flow is None else _flow(flow),
        "nearness": None if subject.nearness is None else asdict(subject.nearness),
        "like_faults": list(subject.like_faults),
        "causes": [
            {
                "title": cause.title,
                "laws": list(cause.laws),
                "undecided": list(cause.undecided),
            }
            for cause in subject.causes
        ],
        "properties": [_law(verdict) for verdict in subject.laws],
    }


def _flow(flow: Fingerprint) -> dict[str, object]:
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
        "examples": verdict.examples,
        "refused": verdict.refused,
        "seconds": verdict.seconds,
        "margin": _margin(verdict.margin),
        "counterexample": None if example is None else _counterexample(example),
    }


def _margin(margin: float | None) -> float | None:
    """The margin as a JSON number: an error beyond all bounds becomes the largest one."""
    if margin is None or math.isfinite(margin):
        return margin
    return sys.float_info.max


def _counterexample(example: Counterexample) -> dict[str, object]:
    return {
        "plan": plain(example.plan),
        "context": plain(example.context),
        "target": plain(example.targets),
        "boundary": dict(example.boundary),
        "reproducer": example.reproducer,
        "reproducer_verified": example.verified,
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
