"""Inferring claims: the scheme whose fingerprint and formula a subject was measured to have."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tnverify.contract.claims import SCHEMES, Claims, Scheme
from tnverify.subjects.alike import answers_like
from tnverify.subjects.fingerprint import measure_flow
from tnverify.subjects.fitting import SECONDS, best_fit, comparing_tasks, probe_tasks
from tnverify.subjects.handles import handles_of
from tnverify.subjects.momentum import momentum_notes
from tnverify.subjects.precision import computes_in_float32
from tnverify.subjects.prober import SubjectProber
from tnverify.subjects.surroundings import surroundings

if TYPE_CHECKING:
    from tnverify.contract.measured import Fingerprint, Nearness
    from tnverify.subjects.fitting import Fit
    from tnverify.subjects.subject import Subject

_EXCUSED = frozenset({"transductive_bn"})
"""Schemes that only a person may claim: inference never excuses transduction."""

_NAMES = (
    ("tasknorm.?l", "tasknorm_l"),
    ("tasknorm.?r", "tasknorm_r"),
    ("tasknorm", "tasknorm_i"),
    ("(instance|in)norm", "instance_norm"),
    ("layernorm", "layer_norm"),
    ("groupnorm", "group_norm"),
    ("batchrenorm|renorm", "batch_renorm"),
    ("meta(batchnorm|bn)", "meta_bn"),
    ("reptile", "reptile_norm"),
)
"""Words in the name of a class, and the scheme that its author will have meant."""


@dataclass(frozen=True, slots=True)
class Inference:
    """What was measured of a subject, and the claims to hold it to."""

    subject: Subject
    fingerprint: Fingerprint
    nearness: Nearness | None = None
    alike: tuple[str, ...] = ()
    """Planted faults of the claimed scheme that answer as the subject does."""

    @property
    def target_reads(self) -> tuple[str, ...]:
        return self.fingerprint.target_reads

    @property
    def context_reads(self) -> tuple[str, ...]:
        return self.fingerprint.context_reads

    @property
    def nearest(self) -> str | None:
        return self.fingerprint.nearest_scheme


def infer(subject: Subject, declared: Claims | None) -> Inference:
    """Measure the fingerprint; where no claims were declared, find the scheme that fits.

    Whether it computes in float32 whatever it is given is measured too.
    A declared variance convention is kept, else it is detected. Where the layer shows no eps,
    the one that fits is taken. A scheme that the name of the layer promises is compared with it
    whatever its fingerprint is.
    """
    tasks = probe_tasks(subject)
    flow = measure_flow(SubjectProber(subject), tasks)
    narrow = declared is None and computes_in_float32(subject, tasks)
    found = best_fit(subject, _candidates(subject, flow), declared, float32=narrow)
    is_held = declared is None and _may_be_held_to(found)
    inductive = Claims(SCHEMES["inductive"], float32=narrow, inferred=True)
    claims = found.claims if is_held or (declared is not None and found.fits) else declared
    claims = claims or inductive
    handles = handles_of(subject, claims)
    around = () if claims.has_formula else surroundings(SubjectProber(subject), tasks)
    notes = (*subject.notes, *_said_of(found, declared), *handles.notes, *around)
    nearness = None if claims.has_formula else found.nearness
    shows = found.claims.has_formula and (found.fits or nearness is not None)
    held = replace(subject, claims=claims, handles=handles, eps=found.eps, notes=notes)
    held = replace(held, notes=(*notes, *momentum_notes(SubjectProber(held), tasks[0])))
    if _ignores_eps(subject, found, claims):
        caution = (
            f"Its eps ({subject.eps:g}) is ignored: its outputs are those of {claims.scheme.name}"
            f" with {found.eps:g}."
        )
        held = replace(held, cautions=(*held.cautions, caution))
    is_wrong = declared is not None and claims.has_formula and not found.fits
    return Inference(
        held,
        replace(flow, nearest_scheme=found.claims.scheme.name if shows else None),
        nearness,
        answers_like(held, comparing_tasks(held)) if is_wrong else (),
    )


def _may_be_held_to(found: Fit) -> bool:
    excused = found.claims.scheme.name in _EXCUSED
    return found.claims.has_formula and found.fits and found.parts is None and not excused


def _ignores_eps(subject: Subject, found: Fit, claims: Claims) -> bool:
    """Whether the formula fits with another eps than the one that the layer shows."""
    fits = claims.has_formula and claims.scheme.name != "none" and found.fits
    return subject.eps_is_idle and fits and found.eps != subject.eps


def _said_of(found: Fit, declared: Claims | None) -> tuple[str, ...]:
    """What a reader should know of a scheme that fits with few channels alone, or of a search
    that came to no end."""
    if found.cut:
        return (f"not compared with every formula: comparing took over {SECONDS:g} s",)
    if found.parts is None:
        return ()
    name = found.claims.scheme.name
    said = (
        f"with {found.parts} channels its outputs are not those of {name}, which they are with few"
    )
    if declared is None:
        said += f": where they are to be, claim it (--claims {found.claims})"
    return (said,)


def _candidates(subject: Subject, flow: Fingerprint) -> list[str]:
    """Schemes that read whom the subject reads, and the one that its name promises, first."""
    named = _named(subject.name)
    reading = [
        scheme.name
        for scheme in SCHEMES.values()
        if scheme.name != "inductive" and _reads_as(scheme, flow)
    ]
    return [named, *(n for n in reading if n != named)] if named else reading


def _reads_as(scheme: Scheme, flow: Fingerprint) -> bool:
    return scheme.target_reads == set(flow.target_reads) and scheme.context_reads == set(
        flow.context_reads
    )


def _named(spec: str) -> str | None:
    """The scheme that the name of a class promises, if it does."""
    name = re.split(r"[:#(]", spec.removesuffix(")"))
    words = name[1] if len(name) > 1 else name[0]
    bare = words.rpartition(".")[2].lower().replace("_", "")
    for pattern, scheme in _NAMES:
        if re.search(pattern, bare):
            return scheme
    return None
