"""Holding one subject to the laws: waivers first, then the corpus, then failures made small."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tnverify.engine.causes import group_causes
from tnverify.engine.corpora import plans_for
from tnverify.engine.evaluate import evaluate
from tnverify.engine.failures import Smallest, smallest_failure
from tnverify.engine.reproducer import program, write_program
from tnverify.engine.results import LawVerdict
from tnverify.engine.tasks_json import rebuild
from tnverify.engine.trial import try_laws
from tnverify.engine.verdicts import law_verdict
from tnverify.subjects import SubjectProber

if TYPE_CHECKING:
    from tnverify.engine.options import RunOptions, RunPlan
    from tnverify.engine.progress import Progress
    from tnverify.engine.trial import LawRecord
    from tnverify.subjects import Subject, SubjectRequest


def hold(
    subject: Subject, request: SubjectRequest, number: int, made: RunPlan, progress: Progress
) -> list[LawVerdict]:
    """Every law's verdict on subject `number` of a run, in the catalogue's order."""
    options = made.options
    plans = plans_for(subject, options.seed, made.profile)
    waived = _replay_waivers(subject, request, made)
    asked = [law for law in made.catalogue if law.name not in waived]
    records = try_laws(
        subject,
        asked,
        plans.usual,
        made.profile,
        progress.on_plan,
        lambda: made.interruptions.append(None),
        wide=plans.wide,
    )
    found = waived | {record.law.name: law_verdict(record, None) for record in records}
    if options.shrink and not made.interruptions:
        found |= _made_small(records, found, subject, request, number, options, progress)
    return [found[law.name] for law in made.catalogue]


def _made_small(
    records: list[LawRecord],
    found: dict[str, LawVerdict],
    subject: Subject,
    request: SubjectRequest,
    number: int,
    options: RunOptions,
    progress: Progress,
) -> dict[str, LawVerdict]:
    """The verdicts on laws that failed, with their counterexamples.

    The most telling law of a cause is made small first; the others of that cause are tried on
    its task before any task of their own is sought.
    """
    by_name = {record.law.name: record for record in records if record.failure is not None}
    done: dict[str, LawVerdict] = {}
    for cause in group_causes(list(found.values())):
        beside: list[Smallest] = []
        for name in cause:
            if name not in by_name:
                continue  # a stale waiver fails without a task of its own
            record = by_name[name]
            assert record.failure is not None
            progress.on_shrink(name, len(done) + 1, len(by_name))
            smallest = smallest_failure(record.law, subject, record.failure, options.seed, beside)
            beside.append(smallest)
            smallest = _with_program(smallest, record, subject, request, number, options)
            done[name] = law_verdict(record, smallest)
    return done


def _with_program(
    smallest: Smallest,
    record: LawRecord,
    subject: Subject,
    request: SubjectRequest,
    number: int,
    options: RunOptions,
) -> Smallest:
    example = smallest.counterexample
    text = program(record.law, subject, request, example, options.seed)
    path = None
    if options.out is not None:
        path = str(write_program(text, options.out, number, record.law))
        witness = {"plan": example.plan, "context": example.context, "target": example.targets}
        Path(path).with_suffix(".json").write_text(json.dumps(witness, indent=1) + "\n")
    return replace(smallest, counterexample=replace(example, reproducer=text, path=path))


def _replay_waivers(
    subject: Subject, request: SubjectRequest, made: RunPlan
) -> dict[str, LawVerdict]:
    """Verdicts on waived laws, from their witnesses alone. An expired waiver waives nothing."""
    found = {}
    for law in made.catalogue:
        waiver = next((w for w in made.waivers if w.is_for(request.spec, law.name)), None)
        if waiver is None:
            continue
        today = dt.datetime.now(dt.UTC).date()
        if waiver.expires is not None and waiver.expires < today:
            continue
        witness = waiver.witness
        try:
            task = rebuild(witness["plan"], witness["context"], witness["target"], subject)
        except ValueError as error:
            found[law.name] = LawVerdict(law, "stale_waiver", f"its witness: {error}")
            continue
        ended = evaluate(law, SubjectProber(subject), task)
        stale = f"declared ({waiver.reason}), but the law holds on its witness: drop the waiver"
        found[law.name] = LawVerdict(
            law,
            "waived" if ended.failed else "stale_waiver",
            waiver.reason if ended.failed else stale,
            examples=1,
            seconds=ended.seconds,
            symptom="stale_waiver",
        )
    return found
