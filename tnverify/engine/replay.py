"""Counterexamples of a report, asked again of the code as it is now."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import torch

from tnverify.catalogue import CatalogueError, load_catalogue
from tnverify.engine.capture import captured_output
from tnverify.engine.evaluate import evaluate
from tnverify.engine.tasks_json import rebuild
from tnverify.isolation import Limits, each_apart
from tnverify.subjects import SubjectProber, Unusable
from tnverify.subjects.guard import alarms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tnverify.engine.results import Counterexample, LawVerdict, RunReport, SubjectReport

Now = Literal["fixed", "still_fails", "undecided", "cannot_be_built"]

_LIMITS = Limits(seconds=120.0)
_UNUSABLE = "Unusable: "


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of one counterexample; `why` says more, where there is more to say."""

    subject: str
    verdict: LawVerdict
    now: Now
    why: str | None = None


def replayable(
    run: RunReport, law: str | None = None
) -> Iterator[tuple[SubjectReport, LawVerdict, Counterexample]]:
    """The counterexamples of a report, or of one law of it."""
    for subject in run.subjects:
        for verdict in subject.laws:
            if verdict.counterexample is not None and law in (None, verdict.law.name):
                yield subject, verdict, verdict.counterexample


def replay(run: RunReport, law: str | None = None, jobs: int = 1) -> list[Replayed]:
    """Ask every law again that has a counterexample, of its subject as that is built now.

    Each is asked in a process of its own, so that a layer that ends or hangs its process costs
    one answer.
    """
    asked = [*replayable(run, law)]
    found: dict[int, Replayed] = {}
    calls: list[Callable[[], tuple[Now, str | None]]] = []
    places = []
    for place, (subject, verdict, example) in enumerate(asked):
        if subject.recipe is None:
            unknown = "the report does not say how it is driven"
            found[place] = Replayed(subject.spec, verdict, "cannot_be_built", unknown)
            continue
        calls.append(partial(_ask, subject, verdict.law.name, example))
        places.append(place)
    for number, ended in each_apart(calls, jobs, _LIMITS):
        subject, verdict, _ = asked[places[number]]
        now, why = ended.answer or _ended(ended.why or "it did not answer")
        found[places[number]] = Replayed(subject.spec, verdict, now, why)
    return [found[place] for place in sorted(found)]


def _ended(why: str) -> tuple[Now, str | None]:
    if why.startswith(_UNUSABLE):
        return "cannot_be_built", why.removeprefix(_UNUSABLE)
    return "still_fails", why


def _ask(subject: SubjectReport, law: str, example: Counterexample) -> tuple[Now, str | None]:
    """In a process of its own: how the law ends on the task."""
    assert subject.recipe is not None
    torch.set_num_threads(1)
    with captured_output(), alarms():
        try:
            known = load_catalogue().named(law)
        except CatalogueError as error:
            return "undecided", f"it is asked no more: {error}"
        try:
            built = subject.recipe.build()
            task = rebuild(example.plan, example.context, example.targets, built)
        except (Unusable, ValueError) as error:
            return "cannot_be_built", str(error)
        ended = evaluate(known, SubjectProber(built), task)
    if ended.ending == "held":
        return "fixed", None
    return ("still_fails" if ended.failed else "undecided"), ended.reason


def exit_code(found: Sequence[Replayed]) -> int:
    """As for `verify`: 1 where a must-level law still fails, else 2 where something cannot be
    built, else 3 where something was not decided, else 0."""
    if any(each.now == "still_fails" and each.verdict.law.level == "must" for each in found):
        return 1
    endings = {each.now for each in found}
    return 2 if "cannot_be_built" in endings else 3 if "undecided" in endings else 0
