"""Plans made ready: their data read and checked before anything is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tnverify.analyses.records import FINGERPRINTS

from .settings import read_settings
from .sources import fingerprints, test_tasks, training_tasks, validation_tasks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .settings import Settings


def planned(configurations: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the configurations, each with the fingerprints of its data.

    A run's record is named by what the data hold, so that data which changed are trained on anew.
    Raises DataError where a split is missing, or too small for the tasks to be drawn from it, and
    ValueError for a wrong configuration.
    """
    ready = []
    for configuration in configurations:
        settings = read_settings(configuration)
        _check_splits(settings)
        ready.append({**configuration, FINGERPRINTS: fingerprints(settings)})
    return ready


def _check_splits(settings: Settings) -> None:
    """Make each source of tasks that a run has, since a source checks its splits."""
    if settings.train is not None:
        training_tasks(settings, settings.train)
        if settings.validate.every:
            validation_tasks(settings, settings.train)
    for cell in settings.test:
        test_tasks(settings, cell)
