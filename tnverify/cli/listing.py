"""`tnverify list`: what can be claimed, what is checked, how layers are driven."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tnverify.cli.errors import unknown
from tnverify.cli.options import color_option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.text import Text


@click.command("list")
@click.argument("what", required=False, metavar="[schemes|laws|adapters|audit|profiles|faults]")
@color_option
def command(what: str | None, *, no_color: bool) -> int:
    """List the schemes, laws, adapters and laws of audits; or one of these; or the profiles or
    planted faults."""
    if what is not None and what not in _LISTS:
        raise unknown("list", what, tuple(_LISTS))
    from rich.text import Text

    from tnverify.report.terminal import console, show

    on = console(color=not no_color)
    for number, name in enumerate((what,) if what else ("schemes", "laws", "adapters", "audit")):
        if number:
            show([Text("")], on)
        show(_LISTS[name](on.width), on)
    return 0


def _schemes(width: int) -> Iterator[Text]:
    from tnverify.contract import MODIFIERS, SCHEMES
    from tnverify.report.layout import paragraph
    from tnverify.report.listing import entry, title
    from tnverify.report.words import reads

    yield from title("Schemes", "what a layer can claim to be (--claims)")
    for scheme in SCHEMES.values():
        flow = f"a target reads {reads(scheme.target_reads)}"
        if scheme.context_reads != scheme.target_reads:
            flow += f"; a context item reads {reads(scheme.context_reads)}"
        yield from entry(scheme.name, f"{scheme.title} ({scheme.source}): {flow}", width)
    yield from paragraph(f"Modifiers, after a comma: {', '.join(MODIFIERS)}.", width, indent=2)


def _laws(width: int) -> Iterator[Text]:
    from tnverify.catalogue import load_catalogue
    from tnverify.report.listing import entry, title

    catalogue = load_catalogue()
    yield from title("Laws", f"{len(catalogue.laws)} in all; `tnverify explain LAW` tells more")
    for family in catalogue.families:
        yield from title(family, indent=2)
        for law in catalogue:
            if law.family == family:
                should = " (should-level)" if law.level == "should" else ""
                yield from entry(law.name, law.statement + should, width, indent=4)


_OWN_ADAPTER = (
    "class Numbered:",
    "    def __init__(self, layer):",
    "        self.layer, self.tasks = layer, 0",
    "",
    "    def condition(self, context):",
    "        self.tasks += 1",
    "        return self.layer(context, self.tasks, is_context=True), self.tasks",
    "",
    "    def normalize(self, targets, state):",
    "        return self.layer(targets, state, is_context=False)",
)
"""An adapter, for a layer that wants the number of the task with every call."""


def _adapters(width: int) -> Iterator[Text]:
    from rich.text import Text

    from tnverify.report.listing import entry, title
    from tnverify.subjects.adapters import ADAPTERS

    yield from title("Adapters", "how a layer is called (--adapter); detected where not named")
    for adapter in ADAPTERS.values():
        yield from entry(adapter.name, adapter.summary, width)
    yield from entry("file.py:Name", "your own, for any other call; as in", width)
    for line in _OWN_ADAPTER:
        yield Text(f"      {line}")


def _audit(width: int) -> Iterator[Text]:
    from tnverify.auditing.laws import LAWS
    from tnverify.auditing.options import CLAIMS
    from tnverify.report.listing import entry, title

    yield from title("Claims of audits", "what `tnverify audit` can hold a subject to (--claims)")
    for name, what in CLAIMS.items():
        yield from entry(name, what, width)
    yield from title("Laws of audits", f"{len(LAWS)} in all; `tnverify explain LAW` tells more")
    for family in dict.fromkeys(law.family for law in LAWS):
        yield from title(family, indent=2)
        for law in LAWS:
            if law.family == family:
                should = " (should-level)" if law.level == "should" else ""
                yield from entry(law.name, law.statement + should, width, indent=4)


def _profiles(width: int) -> Iterator[Text]:
    from tnverify.engine.profiles import PROFILES
    from tnverify.power.measured import measured
    from tnverify.report.budget import at_most, caught
    from tnverify.report.listing import entry, title
    from tnverify.report.words import count

    yield from title("Profiles", "how much is spent (--profile), and what that buys")
    for profile in PROFILES.values():
        missed = f"{at_most(profile.tasks):.1%}".replace("%", " %")
        what = f"{profile.summary}; what shows in over {missed} of tasks is seen (3/N, at 95 %)"
        kept = measured(profile.name)
        if kept is not None:
            seeds = count(kept.seeds, "seed")
            what += f"; catches {caught(kept)}, at each of {seeds} ({kept.command})"
        yield from entry(profile.name, what, width)


def _faults(width: int) -> Iterator[Text]:
    from tnverify.faults import all_faults
    from tnverify.report.listing import entry, title

    faults = all_faults()
    yield from title("Planted faults", f"{len(faults)} known-bad layers that the laws must catch")
    for family in dict.fromkeys(fault.family for fault in faults):
        yield from title(family, indent=2)
        for fault in faults:
            if fault.family == family:
                yield from entry(fault.name, " ".join(fault.story.split()), width, indent=4)


_LISTS: dict[str, Callable[[int], Iterator[Text]]] = {
    "schemes": _schemes, "laws": _laws, "adapters": _adapters, "audit": _audit,
    "profiles": _profiles,
    "faults": _faults,
}  # fmt: skip
