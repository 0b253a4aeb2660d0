"""A census as JSON, in the form that `power.schema.json` (beside this file) lays down."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING

from tnverify import __version__
from tnverify.power.score import curve, scores
from tnverify.power.standing import standings

if TYPE_CHECKING:
    from tnverify.catalogue import Catalogue
    from tnverify.power.census import Census
    from tnverify.power.rows import Row
    from tnverify.power.score import Score
    from tnverify.power.standing import Standing

SCHEMA_VERSION = 1


def schema() -> dict[str, object]:
    """The JSON schema of a census."""
    text = files("tnverify.power").joinpath("power.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, object] = json.loads(text)
    return loaded


def census_text(census: Census, catalogue: Catalogue) -> str:
    """The census as text: two spaces, a newline at the end."""
    return json.dumps(census_dict(census, catalogue), indent=2) + "\n"


def census_dict(census: Census, catalogue: Catalogue) -> dict[str, object]:
    """The census as JSON-ready values. `laws` is null where no matrix was made."""
    matrix = census.matrix
    found = standings(catalogue, matrix) if matrix else None
    return {
        "schema_version": SCHEMA_VERSION,
        "tnverify_version": __version__,
        "profile": census.profile.name,
        "seeds": list(census.seeds),
        "device": census.device,
        "seconds": round(census.seconds, 3),
        "interrupted": census.interrupted,
        "scores": [_score(each) for each in scores(census)],
        "curve": list(curve(census.rows, census.profile.corpus)),
        "faults": [_row(row) for row in census.rows],
        "laws": None if found is None else [_standing(each) for each in found],
    }


def _score(found: Score) -> dict[str, object]:
    slowest = found.slowest
    return {
        "profile": found.profile.name,
        "tasks": found.profile.tasks,
        "caught": found.caught,
        "reachable": found.reachable,
        "share": found.share,
        "median_tasks": found.median,
        "slowest": None if slowest is None else {"fault": slowest[1], "tasks": slowest[0]},
        "survivors": list(found.survivors),
        "out_of_reach": dict(found.out_of_reach),
    }


def _row(row: Row) -> dict[str, object]:
    return {
        "name": row.name,
        "family": row.family,
        "hard": row.hard,
        "seed": row.seed,
        "kills": {kill.law: kill.task for kill in row.kills},
        "first_only": row.first_only,
        "missed": list(row.missed),
        "out_of_reach": row.out_of_reach,
        "cpu_seconds": round(row.seconds, 4),
    }


def _standing(each: Standing) -> dict[str, object]:
    return {
        "name": each.law,
        "family": each.family,
        "kills": list(each.killed),
        "kills_alone": list(each.alone),
    }
