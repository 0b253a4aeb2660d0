"""Holding one subject to the laws: waivers first, then the corpus, then failures made small."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tnverify.engine.attribution import attributed
from tnverify.engine.causes import group_causes
from tnverify.engine.corpora import plans_for
from tnverify.engine.effects import measured
from tnverify.engine.evaluate import Evaluation, evaluate
from tnverify.engine.failures import Smallest, smallest_failure
from tnverify.engine.reproducer import program, write_program
from tnverify.engine.results import LawVerdict
from tnverify.engine.standalone import standalone
from tnverify.engine.tasks_json import rebuild
from tnverify.engine.trial import LaneRecord, LawRecord, try_laws
from tnverify.engine.verdicts import law_verdict
from tnverify.engine.watch import Before, Unwatched
from tnverify.subjects import SubjectProber
from tnverify.subjects.rebuilding import with_found

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tnverify.catalogue.laws import Law
    from tnverify.engine.options import RunOptions, RunPlan
    from tnverify.engine.progress import Progress
    from tnverify.engine.watch import Crash, Watch
    from tnverify.plans import Plan
    from tnverify.subjects import Subject, SubjectRecipe

    Ask = Callable[[Sequence[Law], float], list[LawRecord]]
    """Asks laws in this process, in a part of the time that the profile gives."""
    Share = Callable[[Subject, Sequence[Law], Ask], list[LawRecord]]


def hold(
    subject: Subject,
    request: SubjectRecipe,
    made: RunPlan,
    progress: Progress,
    watch: Watch | None = None,
    before: Before | None = None,
    share: Share | None = None,
) -> list[LawVerdict]:
    """Every law's verdict on a subject, in the catalogue's order.

    What was found `before`, by a process that ended, is not asked again; `watch` is told what is.
    `share` may have laws asked elsewhere.
    """
    watch, before = watch or Unwatched(), before or Before()
    options = made.options
    plans = plans_for(subject, options.seed, made.profile)
    waived = _replay_waivers(subject, request, made)
    asked = [law for law in made.catalogue if law.name not in waived]
    known = dict(before.records or {})
    for crash in before.crashes:
        if crash.stage == "laws" and any(law.name == crash.law for law in asked):
            known[crash.law] = _of_a_crash(made.catalogue.named(crash.law), crash, plans.all)

    def ask(laws: Sequence[Law], part: float = 1.0) -> list[LawRecord]:
        return try_laws(
            subject,
            laws,
            () if before.tried else plans.usual,
            replace(made.profile, seconds=part * made.profile.seconds),
            progress.on_plan,
            lambda: made.interruptions.append(None),
            wide=() if before.tried else plans.wide,
            watch=watch,
            passed_over=before.passed_over,
        )

    unknown = [law for law in asked if law.name not in known]
    tried = ask(unknown) if share is None else share(subject, unknown, ask)
    for record in tried:
        watch.asked(record)
    by_name = known | {record.law.name: record for record in tried}
    records = [by_name[law.name] for law in asked]
    found = waived | {record.law.name: law_verdict(record, None) for record in records}
    if not made.interruptions:
        found = attributed(found, records, subject)
    if options.shrink and not made.interruptions:
        small = _Small(subject, request, options, progress, watch, before, plans.usual)
        found |= small.of(records, found)
    return [found[law.name] for law in made.catalogue]


def crash_evaluation(crash: Crash) -> Evaluation:
    """How a law ended on the task that ended the process."""
    met = f" in {crash.during}" if crash.during else ""
    on = f", on {crash.task}" if crash.task else ""
    symptom = "hang" if crash.hung else "crash"
    # As what hangs, it is not tried on smaller tasks: each would cost a process.
    return Evaluation("broken", f"{crash.how}{met}{on}", symptom, "an answer", crash.how, hung=True)


def _of_a_crash(law: Law, crash: Crash, plans: Sequence[Plan]) -> LawRecord:
    record = LawRecord(law, {lane: LaneRecord() for lane in law.lanes})
    record.note(plans[crash.plan], crash.lane, crash_evaluation(crash))
    return record


@dataclass(frozen=True, slots=True)
class _Small:
    """Makes the counterexamples of one subject small."""

    subject: Subject
    request: SubjectRecipe
    options: RunOptions
    progress: Progress
    watch: Watch
    before: Before
    plans: Sequence[Plan]

    def of(self, records: list[LawRecord], found: dict[str, LawVerdict]) -> dict[str, LawVerdict]:
        """The verdicts on laws that failed, with their counterexamples.

        The most telling law of a cause is made small first; the others of that cause are tried
        on its task before any task of their own is sought.
        """
        by_name = {record.law.name: record for record in records if record.failure is not None}
        done = dict(self.before.small or {})
        for cause in group_causes(list(found.values())):
            beside: list[Smallest] = []
            for name in cause.laws:
                if name not in by_name or name in done:
                    continue  # a stale waiver fails without a task of its own
                self.progress.on_shrink(name, len(done) + 1, len(by_name))
                verdict = self._one(by_name[name], beside)
                done[name] = replace(verdict, cause=found[name].cause)
                self.watch.made_small(done[name])
        return done

    def _one(self, record: LawRecord, beside: list[Smallest]) -> LawVerdict:
        assert record.failure is not None
        plan, lane, first = record.failure
        name = record.law.name
        if any(c.law == name and c.stage == "shrink" for c in self.before.crashes):
            first = replace(first, hung=True)  # a smaller task ended the process: it stays as it is
        self.watch.asking(name, -1, lane, plan.build())
        effects = None
        if first.symptom == "flow" and not first.hung and not beside:
            effects = measured(record.law, self.subject, self.plans, lane)
        smallest = smallest_failure(
            record.law, self.subject, (plan, lane, first), self.options.seed, beside, effects
        )
        told = self._with_program(smallest, record, telling=not beside)
        beside.append(smallest)
        verdict = law_verdict(record, told)
        return replace(verdict, effect=None if effects is None else effects.effect)

    def _with_program(self, smallest: Smallest, record: LawRecord, *, telling: bool) -> Smallest:
        """The task with programs that fail alike; in plain torch too for the law that tells most of
        its cause."""
        example, options = smallest.counterexample, self.options
        recipe = with_found(self.request, self.subject)
        text = program(record.law, recipe, example, options.seed)
        alone = ""
        if telling:
            alone = standalone(record.law, recipe, smallest.task, smallest.calls)
        path = None
        if options.out is not None:
            witness: dict[str, object] = {
                "plan": example.plan, "context": example.context, "target": example.targets,
                "subject": recipe.as_json(),
            }  # fmt: skip
            try:
                path = str(write_program(text, options.out, recipe, record.law, witness, alone))
            except OSError as error:
                self.watch.not_written(f"{error.strerror or error}")
        told = replace(example, reproducer=text, path=path, standalone=alone)
        return replace(smallest, counterexample=told)


def _replay_waivers(
    subject: Subject, request: SubjectRecipe, made: RunPlan
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
