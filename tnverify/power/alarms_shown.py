"""The study of false alarms as a table, and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.text import Text

from tnverify import __version__
from tnverify.report.layout import labelled, paragraph
from tnverify.report.words import count, joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tnverify.engine.profiles import Profile
    from tnverify.power.alarms import Study

_MOST_ALARMS = 12


def study_lines(found: Sequence[Study], profile: Profile, width: int) -> Iterator[Text]:
    """A row for each layer; then every alarm, and what was asked, by kind and in all."""
    names = list(dict.fromkeys(each.name for each in found))
    claims = max(len("claims"), *(len(each.claims) for each in found))
    left = min(max(map(len, names)), max(20, width - claims - 33))
    yield Text("Sound layers before the laws", style="bold")
    yield Text(
        f"  {'layer':{left}}  {'claims':{claims}}{'seeds':>6}{'laws':>5}{'alarms':>8}"
        f"{'undecided':>10}",
        style="dim",
    )
    for name in names:
        yield from _row([each for each in found if each.name == name], left, claims)
    yield Text("")
    yield from _alarms(found, width)
    yield from _by_kind(found)
    yield from paragraph(f"{_summary(found)} (profile {profile.name}).", width, style="bold")


def _row(of_one: Sequence[Study], left: int, claims: int) -> Iterator[Text]:
    alarms = sum(each.false_alarms for each in of_one)
    undecided = sum(each.inconclusive for each in of_one)
    first = of_one[0]
    if len(first.name) > left:
        yield Text(f"  {first.name}")
    name = first.name if len(first.name) <= left else ""
    laws = min(each.laws for each in of_one)
    yield (
        Text(f"  {name:{left}}  {first.claims:{claims}}{len(of_one):>6}{laws:>5}")
        .append(f"{alarms:>8}", style="red" if alarms else "green")
        .append(f"{undecided:>10}", style="yellow" if undecided else "green")
    )


def _by_kind(found: Sequence[Study]) -> Iterator[Text]:
    """How many laws held of each kind of layer, by the dtype of the tasks."""
    dtypes = [dtype for dtype, _ in _held(found)]
    heads = "".join(f"{dtype:>10}" for dtype in dtypes)
    yield Text(f"  {'laws that held':20}{'layers':>7}{'seeds':>7}{heads}", style="dim")
    for kind in dict.fromkeys(each.kind for each in found):
        of_it = [each for each in found if each.kind == kind]
        names = Counter(each.name for each in of_it)
        least, most = min(names.values()), max(names.values())
        seeds = f"{most}" if least == most else f"{least}-{most}"
        held = dict(_held(of_it))
        numbers = "".join(f"{held.get(dtype, 0):>10,}" for dtype in dtypes)
        yield Text(f"  {kind:20}{len(names):>7}{seeds:>7}{numbers}")
    yield Text("")


def _alarms(found: Sequence[Study], width: int) -> Iterator[Text]:
    every = [(each, alarm) for each in found for alarm in each.alarms]
    for each, alarm in every[:_MOST_ALARMS]:
        text = f"{each.name}, seed {each.seed}, {alarm.lane}: {alarm.law}: {alarm.reason}"
        yield from labelled(alarm.outcome, text, width)
    if len(every) > _MOST_ALARMS:
        yield from paragraph(f"... and {len(every) - _MOST_ALARMS} more", width, indent=2)
    if every:
        yield Text("")


def _summary(found: Sequence[Study]) -> str:
    alarms = sum(each.false_alarms for each in found)
    undecided = sum(each.inconclusive for each in found)
    asked = joined([f"{number:,} in {dtype}" for dtype, number in _held(found)])
    layers = count(len({each.name for each in found}), "layer")
    return (
        f"{count(alarms, 'false alarm') if alarms else 'No false alarm'} and"
        f" {undecided or 'nothing'} undecided in {count(len(found), 'verification')} of {layers};"
        f" laws held {asked}"
    )


def _held(found: Sequence[Study]) -> list[tuple[str, int]]:
    """How many laws held by dtype of the tasks, the widest dtype first."""
    checked = Counter[str]()
    for each in found:
        checked.update(each.checked)
    # float64, float32, float16, bfloat16
    return sorted(checked.items(), key=lambda each: (-int(each[0][-2:]), each[0][0] != "f"))


def study_text(found: Sequence[Study], profile: Profile, device: str) -> str:
    """The study as JSON: every layer at every seed."""
    content = {
        "tnverify_version": __version__,
        "profile": profile.name,
        "device": device,
        "studies": [asdict(each) for each in found],
    }
    return json.dumps(content, indent=2) + "\n"
