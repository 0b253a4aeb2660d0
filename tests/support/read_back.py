"""Every report that a test has the engine make is written as JSON and read back."""

from __future__ import annotations

from typing import Any

import pytest

from tnverify.engine import run as running
from tnverify.engine.results import RunReport
from tnverify.report.as_json import to_json
from tnverify.report.reading import from_json


@pytest.fixture(autouse=True)
def every_report_is_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test where a report of the engine is another after writing and reading."""

    def made(**values: Any) -> RunReport:
        run = RunReport(**values)
        assert from_json(to_json(run)) == run
        return run

    monkeypatch.setattr(running, "RunReport", made)
