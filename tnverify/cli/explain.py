"""`tnverify explain`: one law, what it is for and what it has caught."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tnverify.cli.errors import bad
from tnverify.cli.options import color_option

if TYPE_CHECKING:
    from tnverify.catalogue import LawFacts


@click.command()
@click.argument("law")
@color_option
def command(law: str, *, no_color: bool) -> int:
    """Explain a law: what it states, why, and the faulty layers that it catches."""
    from tnverify.catalogue import CatalogueError, load_catalogue
    from tnverify.faults import all_faults
    from tnverify.power.measured import measured
    from tnverify.report.listing import law_lines
    from tnverify.report.terminal import console, show

    try:
        found: LawFacts = load_catalogue().named(law)
    except CatalogueError as error:
        of_audits = _of_audits(law)
        if of_audits is None:
            raise bad(error) from None
        found = of_audits
    on = console(color=not no_color)
    caught = [fault for fault in all_faults() if found.name in fault.kills]
    kept = measured("default")
    alone = () if kept is None else kept.alone.get(found.name, ())
    show(law_lines(found, caught, on.width, alone), on)
    return 0


def _of_audits(name: str) -> LawFacts | None:
    """The law of audits of this name, None where there is none."""
    from tnverify.auditing.laws import LAWS

    return next((law for law in LAWS if law.name == name), None)
