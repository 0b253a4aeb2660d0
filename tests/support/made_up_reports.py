"""Analyses of made-up records, in folders as `tnverify analyse` leaves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import made_up_runs

from tnverify.analyses.programs import load
from tnverify.analyses.programs.carrying_out import ASKED, Asked
from tnverify.analyses.records import RecordStore

if TYPE_CHECKING:
    from pathlib import Path

    from tnverify.analyses.programs.request import Request

CODE = "made-up"


def lay_out(name: str, request: Request, out: Path, *, every: int = 1, code: str = CODE) -> Asked:
    """An analysis as it was asked for in `out`, with every so-manieth of its records."""
    configurations = load(name).plan(request)
    made_up_runs.write(configurations[::every], out / "records", code)
    store = RecordStore(out / "records", code)
    names = tuple(store.name(each) for each in configurations)
    asked = Asked(name, request, f"tnverify analyse {name} --smoke", "2026-01-02T03:04:05", names)
    (out / name).mkdir(parents=True, exist_ok=True)
    (out / name / ASKED).write_bytes(asked.to_json())
    return asked
