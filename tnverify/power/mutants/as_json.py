"""A survey of mutants as JSON, by `mutants.schema.json`, and as the rows of a kill matrix."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, get_args

from tnverify import __version__
from tnverify.catalogue import load_catalogue
from tnverify.power.census import Census
from tnverify.power.mutants.home import Home
from tnverify.power.mutants.judge import COMPARED
from tnverify.power.mutants.mutant import KINDS, Fate
from tnverify.power.rows import Row

if TYPE_CHECKING:
    from tnverify.power.mutants.mutant import Judged, Mutant
    from tnverify.power.mutants.survey import Survey

SCHEMA_VERSION = 1


def schema() -> dict[str, object]:
    """The JSON schema of a survey."""
    text = files("tnverify.power").joinpath("mutants.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, object] = json.loads(text)
    return loaded


def survey_text(found: Survey) -> str:
    """The survey as text: two spaces, a newline at the end."""
    original = found.original
    claims, as_found, home = original.recipe.held_to, original.found, original.home
    content = {
        "schema_version": SCHEMA_VERSION,
        "tnverify_version": __version__,
        "spec": found.request.spec,
        "profile": found.profile.name,
        "seed": found.seed,
        "device": as_found.device,
        "seconds": round(found.seconds, 3),
        "interrupted": found.interrupted,
        "original": {
            "verdict": original.verdict,
            "claims": str(claims),
            "inferred": claims.inferred,
            "adapter": as_found.adapter,
            "eps": as_found.eps,
            "held": original.held,
            "fails": list(original.fails),
        },
        "source": {"file": home.file, "name": home.qualname} if isinstance(home, Home) else None,
        "no_source": found.no_source,
        "made": found.made,
        "compared_on": COMPARED,
        "counts": {fate: len(found.of(fate)) for fate in get_args(Fate)},
        "score": found.score,
        "mutants": [_mutant(*each, whole=found.matrix) for each in found.found],
    }
    return json.dumps(content, indent=2) + "\n"


def _mutant(mutant: Mutant, judged: Judged, *, whole: bool) -> dict[str, object]:
    return {
        "name": mutant.name,
        "kind": mutant.kind,
        "line": mutant.line,
        "diff": mutant.diff,
        "fate": judged.fate,
        "kills": {kill.law: kill.task for kill in judged.kills},
        "first_only": not whole,
        "decides": judged.decides,
        "difference": judged.difference or None,
        "advice": judged.advice or None,
        "why": judged.why or None,
        "cpu_seconds": round(judged.seconds, 4),
    }


def as_census(found: Survey) -> Census:
    """Caught mutants and survivors as a kill matrix, which is drawn as that of planted faults."""
    rows = tuple(
        Row(mutant.name, mutant.kind, False, found.seed, judged.kills, seconds=judged.seconds)
        for mutant, judged in found.found
        if judged.fate in ("caught", "survives")
    )
    ordered = tuple(sorted(rows, key=lambda row: KINDS.index(row.family)))
    laws = tuple(law.name for law in load_catalogue())
    return Census(found.profile, (found.seed,), laws, ordered, found.seconds, found.interrupted)
