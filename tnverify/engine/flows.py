"""Whose values reach which outputs, beside what a layer claims of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.engine.results import Flow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tnverify.contract.claims import Claims, Reads
    from tnverify.contract.measured import Fingerprint
    from tnverify.engine.results import Claimed, Found, LawVerdict, Output

_SOURCES: dict[Output, tuple[Reads, ...]] = {
    "target": ("itself", "context", "other_targets", "past"),
    "context": ("itself", "context", "targets", "past"),
}


def flows_of(measured: Fingerprint, claims: Claims) -> tuple[Flow, ...]:
    """Every source of every output, as it was measured and as it is claimed."""
    return tuple(
        Flow(source, output, _found(measured, source, output), _claimed(claims, source, output))
        for output, sources in _SOURCES.items()
        for source in sources
    )


def _found(measured: Fingerprint, source: str, output: Output) -> Found:
    target = output == "target"
    if source in (measured.target_reads if target else measured.context_reads):
        return "reads"
    unmeasured = measured.target_unmeasured if target else measured.context_unmeasured
    return "not_measured" if source in unmeasured else "exactly_zero"


def _claimed(claims: Claims, source: Reads, output: Output) -> Claimed:
    if source in claims.must_read(output):
        return "must"
    return "may" if source in claims.may_read(output) else "may_not"


def with_laws(flows: Iterable[Flow], verdicts: Sequence[LawVerdict]) -> tuple[Flow, ...]:
    """The flows, with targets reading other targets where a law about that was violated: it may
    take a task that the measurement did not meet."""
    leaks = any(
        v.outcome == "violated"
        and v.cause is None
        and v.symptom == "flow"
        and v.law.family == "transductivity"
        and v.law.level == "must"
        for v in verdicts
    )
    return tuple(
        Flow(flow.source, flow.output, "reads", flow.claimed)
        if leaks and (flow.source, flow.output) == ("other_targets", "target")
        else flow
        for flow in flows
    )
