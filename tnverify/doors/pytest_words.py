"""The words of pytest's command line as what is asked of the engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tnverify.bad_input import BadInput
from tnverify.doors.api import ask
from tnverify.doors.parametrized import jobs_here
from tnverify.engine.check import check_import
from tnverify.pytest_plugin import REPORT, SIZES
from tnverify.report.forms import destinations
from tnverify.report.paths import OutputError
from tnverify.subjects import Unusable

if TYPE_CHECKING:
    from tnverify.doors.api import Asked


def asked(config: pytest.Config, spec: str) -> Asked:
    """What is asked of a layer. Raises BadInput for words that name nothing."""

    def option(name: str) -> Any:
        return config.getoption(f"tnverify_{name.replace('-', '_')}")

    shape = option("shape")
    sides = shape and [int(p) if p.strip().isdecimal() else p for p in shape.split(",")]
    # Two workers must not write the same program at once.
    worker = getattr(config, "workerinput", {}).get("workerid", "")
    return ask(
        (spec,),
        claims=option("claims"),
        adapter=option("adapter"),
        handles=dict(given.split("=", 1) for given in option("handle")),
        setup=option("setup"),
        profile=option("profile"),
        seed=option("seed"),
        device=option("device"),
        out=Path(option("out"), worker),
        jobs=jobs_here(len(set(option("specs")))),
        progress=False,
        shape=sides,
        **{name.replace("-", "_"): option(name) for name, _ in SIZES},
    )


def check_words(config: pytest.Config) -> None:
    """Raise UsageError, in one line, for an option that names nothing or cannot be used."""
    for given in config.getoption("tnverify_handle"):
        if "=" not in given:
            raise pytest.UsageError(f"--tnverify-handle {given}: write HANDLE=ATTRIBUTE")
    try:
        destinations(config.getoption("tnverify_reports"), option=REPORT)
        for spec in config.getoption("tnverify_specs"):
            asked(config, spec)
            check_import(spec)
    except (BadInput, Unusable, OutputError) as error:
        raise pytest.UsageError(str(error)) from None
