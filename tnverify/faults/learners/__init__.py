"""Planted learners, predictors and evaluations, each with one defect that an audit must find."""

from tnverify.faults.learners.planted import (
    FAMILIES,
    Planted,
    all_planted,
    planted,
    planted_of,
)

__all__ = ["FAMILIES", "Planted", "all_planted", "planted", "planted_of"]
