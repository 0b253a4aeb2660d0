"""Trying every law of a catalogue on a corpus of plans, for one subject."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from tnverify.contract.surroundings import surroundings
from tnverify.engine.evaluate import Evaluation, evaluate
from tnverify.engine.watch import Unwatched
from tnverify.subjects.guard import alarms
from tnverify.subjects.prober import SubjectProber

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable, Iterator, Sequence

    from tnverify.catalogue.laws import Law
    from tnverify.contract.claims import Claims
    from tnverify.engine.profiles import Profile
    from tnverify.engine.watch import Watch
    from tnverify.plans import Plan
    from tnverify.subjects.subject import Subject

FEWEST = 5
"""Tasks that must have counted for a law to be held when the time of the profile is over."""

MOST_HANGS = 2
"""After so many hangs a subject is given up: each costs the whole time limit."""

INTERRUPTED = "interrupted before enough tasks counted"


@dataclass(slots=True)
class LaneRecord:
    """What one law saw in one lane."""

    counted: int = 0
    tried: int = 0
    not_counted: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)


@dataclass(slots=True)
class LawRecord:
    """What one law saw of a subject; `failure` is where it failed first."""

    law: Law
    lanes: dict[str, LaneRecord]
    not_claimed: str | None = None
    failure: tuple[Plan, str, Evaluation] | None = None
    margin: float | None = None
    exact: bool = True
    seconds: float = 0.0
    formula_seconds: float = 0.0
    given_up: str | None = None
    """Why the law was not asked of all the tasks that it should have been."""

    @property
    def counted(self) -> int:
        return sum(lane.counted for lane in self.lanes.values())

    @property
    def tried(self) -> int:
        return sum(lane.tried for lane in self.lanes.values())

    @property
    def refused(self) -> int:
        return sum(len(lane.refused) for lane in self.lanes.values())

    @property
    def why_nothing_counted(self) -> str:
        reasons: Counter[str] = Counter()
        for lane in self.lanes.values():
            reasons.update(lane.not_counted)
        return reasons.most_common(1)[0][0] if reasons else "no task was tried"

    @property
    def refusal(self) -> str | None:
        """Why the subject refused tasks on which the law had something to say, if it did."""
        reasons = [reason for lane in self.lanes.values() for reason in lane.refused]
        return reasons[0] if reasons else None

    def note(self, plan: Plan, lane: str, ended: Evaluation) -> None:
        record = self.lanes[lane]
        record.tried += 1
        self.seconds += ended.seconds
        self.formula_seconds += ended.formula_seconds
        if ended.margin is not None:
            self.margin = ended.margin if self.margin is None else max(self.margin, ended.margin)
        if ended.ending == "not_claimed" and not self.counted:
            self.not_claimed = ended.reason
        elif ended.ending == "too_slow":
            self.given_up = ended.reason
        elif ended.failed:
            record.counted += 1
            self.failure = (plan, lane, ended)
        elif ended.ending == "held":
            record.counted += 1
            self.exact = self.exact and ended.exact
        elif ended.ending == "refused":
            record.refused.append(str(ended.reason))
        else:
            record.not_counted[ended.reason or ended.ending] += 1


def why_not_claimed(law: Law, subject: Subject, profile: Profile) -> str | None:
    """Why a law is not asked of a subject at all, or None where it is."""
    handles = {handle for handle in law.needs if subject.handles.path(handle) is not None}
    return why_unclaimed(law, subject.claims, handles, subject.lanes, profile)


def why_unclaimed(
    law: Law, claims: Claims, handles: Container[str], lanes: Iterable[str], profile: Profile
) -> str | None:
    """As `why_not_claimed`, of what is known about a subject."""
    reason = law.claimed(claims)
    if reason is not None:
        return reason
    missing = [h for h in law.needs if h not in handles]
    if missing:
        return f"the layer has no handle on {' and '.join(missing)}"
    if law.thorough_only and not profile.thorough:
        return "checked in the profile thorough alone"
    if not set(law.lanes) & set(lanes):
        (lane,) = law.lanes  # of two it runs in one
        return f"checked in {lane}, where the layer does not run"
    return None


def try_laws(
    subject: Subject,
    laws: Iterable[Law],
    corpus: Sequence[Plan],
    profile: Profile,
    on_plan: Callable[[int, int], None] = lambda _done, _total: None,
    on_interrupt: Callable[[], None] = lambda: None,
    *,
    wide: Sequence[Plan] = (),
    first_only: bool = False,
    watch: Watch | None = None,
    passed_over: Collection[int] = (),
) -> list[LawRecord]:
    """Replay the corpus on every law; each stops where it fails or has counted enough tasks.

    Laws that ask about `wide` plans meet these afterwards, however many tasks have counted. With
    `first_only` all stop where the first law fails: for those who ask whether one does. `watch`
    is told what is asked; plans with the numbers `passed_over`, wide ones counted on, are not.
    Ctrl-C ends the replay, is told to `on_interrupt`, and leaves what was seen so far.
    """
    records = [_unasked(law, subject, profile) for law in laws]
    try:
        with alarms():
            wanted = wide if any(record.law.wide for record in records) else ()
            rounds = [
                met
                for met in (*_rounds(corpus, profile), *_wide_rounds(wanted, profile, len(corpus)))
                if met.number not in passed_over
            ]
            until = time.monotonic() + profile.seconds
            done = _replay(
                subject,
                records,
                rounds,
                on_plan,
                watch or Unwatched(),
                until,
                first_only=first_only,
            )
        if not done:
            _give_up(records, profile, "the subject hung too often to go on")
    except KeyboardInterrupt:
        on_interrupt()
        _give_up(records, profile, INTERRUPTED)
    return records


def interrupted(laws: Iterable[Law], subject: Subject, profile: Profile) -> list[LawRecord]:
    """The records of laws of which Ctrl-C came before any task could be asked."""
    records = [_unasked(law, subject, profile) for law in laws]
    _give_up(records, profile, INTERRUPTED)
    return records


def _unasked(law: Law, subject: Subject, profile: Profile) -> LawRecord:
    lanes = [lane for lane in subject.lanes if lane in law.lanes]
    record = LawRecord(law, {lane: LaneRecord() for lane in lanes})
    record.not_claimed = why_not_claimed(law, subject, profile)
    return record


@dataclass(frozen=True, slots=True)
class _Round:
    """One plan with its number in the run, and which laws meet it in which lanes."""

    number: int
    plan: Plan
    lanes_of: Callable[[tuple[str, ...]], tuple[str, ...]]
    asks: Callable[[LawRecord], bool]


def _rounds(corpus: Sequence[Plan], profile: Profile) -> Iterator[_Round]:
    for number, plan in enumerate(corpus):
        lanes_of = partial(profile.lanes_of, number)
        yield _Round(number, plan, lanes_of, partial(_still_asked, profile))


def _wide_rounds(wide: Sequence[Plan], profile: Profile, first: int) -> Iterator[_Round]:
    for number, plan in enumerate(wide):
        lanes_of = partial(profile.wide_lanes_of, number)
        yield _Round(first + number, plan, lanes_of, partial(_asked_wide, number + plan.seed))


def _replay(
    subject: Subject,
    records: list[LawRecord],
    rounds: Sequence[_Round],
    on_plan: Callable[[int, int], None],
    watch: Watch,
    until: float,
    *,
    first_only: bool,
) -> bool:
    """Ask every law that still wants tasks; False where the subject hung too often to go on.

    Past the time `until`, by the clock, laws are left with the tasks that have counted.
    """
    hangs, around = 0, surroundings()
    for position, met in enumerate(rounds):
        on_plan(position, len(rounds))
        if time.monotonic() > until:
            _leave(records, met)
            break
        for lane in subject.lanes:
            asked = [r for r in records if met.asks(r) and lane in met.lanes_of(tuple(r.lanes))]
            if not asked:
                continue
            prober = SubjectProber(subject)
            task = met.plan.build(subject.dtype(lane), subject.device)
            for record in asked:
                watch.asking(record.law.name, met.number, lane, task)
                ended = evaluate(record.law, prober, task, around)
                record.note(met.plan, lane, ended)
                if _is_done(record, met):
                    watch.asked(record)
                hangs += ended.hung
                if ended.failed and first_only:
                    return True
                if hangs >= MOST_HANGS:
                    return False
    on_plan(len(rounds), len(rounds))
    return True


def _leave(records: list[LawRecord], met: _Round) -> None:
    """Give up laws of which hardly a task has counted when the time of the profile is over."""
    for record in records:
        if met.asks(record) and record.counted < FEWEST:
            record.given_up = "not measured: the layer is too slow for the time of the profile"


def _is_done(record: LawRecord, met: _Round) -> bool:
    """Whether a law will be asked no more: where it asks about wide plans, not before it failed."""
    return record.failure is not None or not (record.law.wide or met.asks(record))


def _asked_wide(number: int, record: LawRecord) -> bool:
    if not record.lanes or record.failure or record.not_claimed or record.given_up:
        return False
    return bool(record.law.wide) and number % record.law.wide == 0


def _still_asked(profile: Profile, record: LawRecord) -> bool:
    if not record.lanes or record.failure or record.not_claimed or record.given_up:
        return False
    most = record.law.max_tasks
    return record.counted < (profile.tasks if most is None else min(most, profile.tasks))


def _give_up(records: list[LawRecord], profile: Profile, why: str) -> None:
    for record in records:
        if _still_asked(profile, record):
            record.given_up = why
