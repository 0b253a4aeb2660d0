"""The command line: one module a command, and torch imported only by those that need it."""

from __future__ import annotations

from tnverify.cli.main import main, run

__all__ = ["main", "run"]
