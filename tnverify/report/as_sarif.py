"""A run as SARIF 2.1.0 (OASIS): one run, a rule a law, a result a law that fails."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from tnverify import __version__
from tnverify.report import plain, words
from tnverify.report.advice import advice
from tnverify.report.boundaries import sentences
from tnverify.report.locating import named_in, place_of

if TYPE_CHECKING:
    from tnverify.catalogue.laws import LawFacts
    from tnverify.engine.results import LawVerdict, RunReport, SubjectReport

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def to_sarif(run: RunReport) -> str:
    """The log. A must-level law that fails is an error, a should-level one a warning; a waived one
    is suppressed, with its reason."""
    laws = {v.law.name: v.law for s in run.subjects for v in s.laws if _is_told(v)}
    rules = [_rule(law) for law in laws.values()]
    places = {name: number for number, name in enumerate(laws)}
    log = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "tnverify",
                        "version": __version__,
                        "rules": rules,
                    }
                },
                "invocations": [_invocation(run)],
                "columnKind": "unicodeCodePoints",
                "results": [
                    _result(verdict, subject, places[verdict.law.name])
                    for subject in run.subjects
                    for verdict in subject.laws
                    if _is_told(verdict)
                ],
                "properties": {"profile": run.profile, "seed": run.seed},
            }
        ],
    }
    # Only ASCII: a lone surrogate in a message must not cost the file.
    return json.dumps(log, indent=2) + "\n"


def _is_told(verdict: LawVerdict) -> bool:
    return verdict.is_shown or verdict.outcome == "waived"


def _rule(law: LawFacts) -> dict[str, Any]:
    help_text = "\n\n".join(filter(None, (*law.explanation, law.why, law.remedy)))
    return {
        "id": law.name,
        "shortDescription": {"text": law.statement},
        "fullDescription": {"text": " ".join((law.statement, *law.explanation))},
        "help": {"text": help_text or law.statement},
        "defaultConfiguration": {"level": _level(law)},
        "properties": {"family": law.family, "level": law.level, "source": law.source},
    }


def _level(law: LawFacts) -> str:
    return "error" if law.level == "must" else "warning"


def _result(verdict: LawVerdict, subject: SubjectReport, rule: int) -> dict[str, Any]:
    law = verdict.law
    told: dict[str, Any] = {
        "ruleId": law.name,
        "ruleIndex": rule,
        "level": _level(law),
        "kind": "fail",
        "message": {"text": _message(verdict, subject)},
        "locations": [_location(subject.spec)],
        "partialFingerprints": {"tnverifyLayerAndLaw/v1": _fingerprint(subject.spec, law.name)},
        "properties": {"layer": subject.spec, "outcome": verdict.outcome},
    }
    if verdict.outcome == "waived":
        reason = verdict.reason or "no reason was given"
        told["suppressions"] = [{"kind": "external", "status": "accepted", "justification": reason}]
    return told


def _message(verdict: LawVerdict, subject: SubjectReport) -> str:
    parts = [f"{subject.spec}: {verdict.law.statement}"]
    if verdict.reason:
        parts.append(f"Found: {verdict.reason}.")
    example = verdict.counterexample
    if example is not None and example.summary:
        parts.append(f"{plain.failing_task(example).capitalize()}: {example.summary}.")
        parts += [f"It {said}." for said in sentences(example.boundary)]
    change = advice(verdict).change
    if change:
        parts.append(change)
    return " ".join(parts)


def _location(spec: str) -> dict[str, Any]:
    """The layer's class: in its file where that lies here, and by its name in any case."""
    name = named_in(spec)
    found: dict[str, Any] = {
        "logicalLocations": [{"name": name, "fullyQualifiedName": spec, "kind": "type"}]
    }
    place = place_of(spec)
    if place is not None:
        from urllib.parse import quote

        found["physicalLocation"] = {
            "artifactLocation": {"uri": quote(place.file)},
            "region": {"startLine": place.line},
        }
    return found


def _fingerprint(spec: str, law: str) -> str:
    """The same for one law of one layer in every run, whatever the task was."""
    return hashlib.sha256(f"{spec}\n{law}".encode("utf-8", "backslashreplace")).hexdigest()


def _invocation(run: RunReport) -> dict[str, Any]:
    unusable = [s for s in run.subjects if s.verdict in ("unusable", "inconclusive")]
    return {
        "executionSuccessful": not run.interrupted and not unusable,
        "exitCode": run.exit_code,
        "startTimeUtc": run.started_at.replace("+00:00", "Z"),
        "toolExecutionNotifications": [
            {
                "level": "error" if subject.verdict == "unusable" else "warning",
                "message": {"text": f"{subject.spec}: {words.headline(subject)}"},
            }
            for subject in unusable
        ],
    }
