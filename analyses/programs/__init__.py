"""The analyses that `tnverify analyse` runs: which runs each needs, and what it makes of them.

    program = load("accuracy")
    analyse(program, request, out)          # trains what has no record, writes the report
    rebuild([folder, ...], out)             # reports again, or merged, without training

A run is kept under the hash of its configuration, so analyses that ask for the same training in
the same folder share it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tnverify.analyses.programs.program import Program

NAMES = (
    "accuracy", "transduction", "training_efficiency", "alpha_curves", "context_size",
    "alpha_parameterisation", "robustness", "cost", "claims",
)  # fmt: skip


def load(name: str) -> Program:
    """The analysis of that name, one of `NAMES`."""
    if name not in NAMES:
        raise KeyError(f"no analysis {name!r}: there are {', '.join(NAMES)}")
    program: Program = importlib.import_module(f"{__name__}.{name}").PROGRAM
    return program
