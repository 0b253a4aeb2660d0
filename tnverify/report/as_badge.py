"""A run as a badge: the JSON of a shields.io endpoint."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tnverify.engine.results import RunReport


def to_badge(run: RunReport) -> str:
    """The endpoint's JSON: one message and one colour for the run."""
    message, colour = _told(run)
    badge = {"schemaVersion": 1, "label": "tnverify", "message": message, "color": colour}
    if colour == "red":
        badge["isError"] = True
    return json.dumps(badge, indent=2) + "\n"


def _told(run: RunReport) -> tuple[str, str]:
    total = len(run.subjects)
    counted: list[str] = [subject.verdict for subject in run.subjects]
    for verdict, word, several, colour in (
        ("violates", "violates", "violate", "red"),
        ("unusable", "unusable", "unusable", "red"),
        ("inconclusive", "inconclusive", "inconclusive", "yellow"),
    ):
        number = counted.count(verdict)
        if number:
            return (word if total == 1 else f"{number} of {total} {several}"), colour
    if not total:
        return "nothing verified", "lightgrey"
    if run.interrupted:
        return "interrupted", "yellow"
    if run.is_partial:
        return "conforms in part", "green"
    return ("conforms" if total == 1 else f"{total} conform"), "brightgreen"
