"""From a request on the command line to a subject that is ready to be verified."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from tnverify.contract.claims import SCHEMES, Claims, ClaimsError, nearest, parse_claims
from tnverify.contract.limits import OnlyWidth
from tnverify.contract.outcomes import SubjectRaised, Violation, first_line
from tnverify.contract.surroundings import kept
from tnverify.subjects import guard
from tnverify.subjects.adapters import ADAPTERS, Adapter
from tnverify.subjects.adapters.naming import shipped_adapter
from tnverify.subjects.adapters.own import check_own, own_adapter
from tnverify.subjects.answering import expect_answers
from tnverify.subjects.building import build, native_dtype
from tnverify.subjects.channels import channel_step
from tnverify.subjects.detect import Detected, detect_adapter
from tnverify.subjects.guard import Hang, TooSlow, calling, few_hangs, time_limit
from tnverify.subjects.handles import handles_of, leaves_eps_to_dtype
from tnverify.subjects.infer import Inference, infer
from tnverify.subjects.jax import is_bridged
from tnverify.subjects.limiting import with_limits
from tnverify.subjects.ordinary import ordinary, ordinary_tasks
from tnverify.subjects.prober import SubjectProber
from tnverify.subjects.ranks import find_rank
from tnverify.subjects.sources import beside, source_of
from tnverify.subjects.spec import Unusable
from tnverify.subjects.starting import FirstInstances, makes_parameters_when_called, same_values
from tnverify.subjects.subject import Factory, Subject
from tnverify.subjects.widths import fixed_width

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tnverify.contract.limits import Limits
    from tnverify.contract.task import Task
    from tnverify.faults import Fault
    from tnverify.subjects.recipe import SubjectRecipe
    from tnverify.subjects.spec import Spec


DETECTION_SECONDS = 90.0
"""How long finding out how a layer is called may take: dozens of calls, slow ones among them."""
_IMPORT_SECONDS = 120.0
"""How long a layer's module, with all that it imports, may take to be imported."""


MOST_HANGS = 4
"""Calls that may hang while a layer is measured: it is taken to hang at all others, too."""

_LARGE_EPS = 2.0**20
"""Larger than any variance of an ordinary task, which an eps may be a floor for."""

MEASURING_SECONDS = 600.0
"""How long finding its sizes, whom it reads and which scheme it is may take."""


def resolve(request: SubjectRecipe, device: str = "cpu") -> Inference:
    """The subject with its claims and fingerprint, measured where they were not given.

    Raises Unusable, with one line that says what to change, where the request names nothing
    that can be built and driven.
    """
    try:
        declared = None if request.claims is None else parse_claims(request.claims)
    except ClaimsError as error:
        raise Unusable(str(error)) from None
    with few_hangs(MOST_HANGS):
        subject = drive(request, device, declared)
        limits = _with_coarse(request.limits, subject)
        try:
            with time_limit(whole=MEASURING_SECONDS):
                return infer(with_limits(subject, limits), declared)
        except TooSlow:
            raise Unusable(
                f"its calls are slow: measuring it took longer than {MEASURING_SECONDS:g} s"
            ) from None


def _with_coarse(given: Limits, subject: Subject) -> Limits:
    """The limits for a layer that JAX compiles anew for every shape: few of them."""
    layer = subject.factory(2 * subject.channel_step, (4, 3, 2)[: subject.rank])
    return replace(given, coarse=int(subject.channel_step)) if is_bridged(layer) else given


def drive(request: SubjectRecipe, device: str = "cpu", declared: Claims | None = None) -> Subject:
    """The subject behind its adapter, its claims still open. Raises Unusable, as `resolve`."""
    spec = request.parsed()
    try:
        with time_limit(_IMPORT_SECONDS):
            spec.find()
    except Hang:
        raise Unusable(f"importing it took longer than {_IMPORT_SECONDS:g} s") from None
    try:
        with kept(), time_limit(whole=DETECTION_SECONDS):
            factory = factory_of(spec, request.setup, request.limits)
            _check_setup(factory, request)
            subject = _driven(
                request.spec,
                factory,
                request.driven_by,
                request.handles,
                device,
                declared,
                request.limits.rank,
            )
            expect_answers(replace(subject, limits=request.limits))
    except SubjectRaised as raised:
        ours = isinstance(raised.error, Unusable)
        raise Unusable(str(raised.error if ours else raised)) from None
    except TooSlow:
        raise Unusable(
            f"its calls are slow: finding out how it is called took longer than"
            f" {DETECTION_SECONDS:g} s; where that is known, name it with --adapter"
        ) from None
    except Hang:
        raise Unusable(f"a call of it took longer than {guard.HANG_SECONDS:g} s") from None
    return subject


def factory_of(spec: Spec, setup: str | None = None, limits: Limits | None = None) -> Factory:
    """The factory of what a spec names, with the one width that it takes where it takes one."""
    source = source_of(spec)
    bare = Factory(source.call, spec, told=source.takes_channels, notes=source.notes)
    width = limits.channels if limits is not None else None
    if width is None and not source.takes_channels:
        width = fixed_width(bare)
    spatial = None if limits is None else limits.spatial
    bare = replace(bare, notes=(*bare.notes, *beside(spec, source)))
    return replace(bare, setup=setup, only=None if width is None else OnlyWidth(width, spatial))


def from_fault(fault: Fault, device: str = "cpu") -> Subject:
    """A planted fault as a subject that makes the claims it was planted under."""
    claims = parse_claims(fault.claims)
    factory = Factory(fault.factory)
    return _with_claims(_driven(fault.name, factory, fault.adapter, {}, device, claims), claims)


def from_factory(name: str, factory: Factory, claims: str, adapter: str | None = None) -> Subject:
    """A subject from a callable that takes the number of channels, with its claims."""
    declared = parse_claims(claims)
    return _with_claims(_driven(name, factory, adapter, {}, "cpu", declared), declared)


def _with_claims(subject: Subject, claims: Claims) -> Subject:
    return replace(subject, claims=claims, handles=handles_of(subject, claims))


def _check_setup(factory: Factory, request: SubjectRecipe) -> None:
    """A set-up method that is not there is the command line's mistake, not the layer's."""
    if request.setup is None:
        return
    bare = replace(factory, setup=None)
    layer = build(bare, channel_step(bare) * 2, (4, 4))
    if not callable(getattr(layer, request.setup, None)):
        public = tuple(n for n in dir(layer) if not n.startswith("_"))
        raise Unusable(
            f"--setup {request.setup}: the layer has no such method:"
            f" {nearest(request.setup, public)}"
        )


def _driven(
    name: str,
    factory: Factory,
    adapter: str | Adapter | None,
    handles: Mapping[str, str],
    device: str,
    declared: Claims | None,
    rank: int | None = None,
) -> Subject:
    with kept():
        return _measured(name, factory, adapter, handles, device, declared, rank)


def _measured(
    name: str,
    factory: Factory,
    adapter: str | Adapter | None,
    handles: Mapping[str, str],
    device: str,
    declared: Claims | None,
    rank: int | None,
) -> Subject:
    step = channel_step(factory)
    layer, twin = (build(factory, 3 * step, (4, 3)) for _ in range(2))
    if not same_values(layer, twin):
        factory = replace(factory, first=FirstInstances())
    driven = found_adapter(factory, adapter, step, device, declared, rank)
    rank = driven.rank
    layer = build(factory, 3 * step, (4, 3, 2)[:rank])
    subject = Subject(
        name=name,
        factory=factory,
        adapter=driven.adapter,
        claims=Claims(SCHEMES["inductive"], inferred=True),
        rank=rank,
        channel_step=step,
        native=native_dtype(layer),
        device=torch.device(device),
        given_handles=dict(handles),
        notes=(*factory.notes, *driven.notes),
        evidence=None if adapter is not None else driven.evidence,
        cautions=driven.cautions,
    )
    subject = replace(subject, lazy=not driven.hangs and _is_lazy(subject))
    found = handles_of(subject, subject.claims)
    shown = found.get(layer, "eps")
    subject = replace(
        subject,
        handles=found,
        eps=1e-5 if shown is None else float(shown),
        eps_of_dtype=shown is None and leaves_eps_to_dtype(layer),
    )
    if driven.hangs:
        return subject
    subject = _with_lanes(subject)
    # Where a scheme is claimed, its laws say what an eps that changes nothing breaks.
    if declared is not None or shown is None or not _eps_is_idle(subject):
        return subject
    said = f"its eps ({subject.eps:g}) changes nothing once it is built"
    notes = (*subject.notes, said)
    return replace(subject, eps_is_idle=True, handles=found.without("eps"), notes=notes)


def _eps_is_idle(subject: Subject) -> bool:
    """Whether a large eps that is put in the place of the layer's own changes no answer."""
    task = ordinary(subject.rank, subject.channel_step).build(
        subject.dtype(subject.lanes[0]), subject.device
    )
    prober = SubjectProber(subject)
    try:
        with time_limit():
            usual, other = prober.answer(task), prober.with_eps(_LARGE_EPS).answer(task)
    except (SubjectRaised, Violation, Hang):
        return False
    return all(
        torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(usual, other, strict=True)
    )


def _is_lazy(subject: Subject) -> bool:
    """Whether the layer makes parameters when it is first called."""
    prober = SubjectProber(subject)
    task = ordinary_tasks(subject)[0]
    try:
        probe = prober.fresh(task)
        with torch.no_grad():
            probe.condition(task.context)
    except (SubjectRaised, Violation):
        return False
    return makes_parameters_when_called(subject.factory(task.channels, task.spatial), probe.layer)


def _with_lanes(subject: Subject) -> Subject:
    """The subject with the float64 lane left out where only that fails to run."""
    plan = ordinary(subject.rank, subject.channel_step)
    wide, native = (
        _runs(subject, plan.build(dtype, subject.device))
        for dtype in (torch.float64, subject.native)
    )
    if wide is None or native is not None:
        return subject
    note = f"not checked in float64, where the layer raises {wide}"
    return replace(subject, has_float64=False, notes=(*subject.notes, note))


def _runs(subject: Subject, task: Task) -> str | None:
    """What the subject raises on a task, in a line; None where it does not raise."""
    try:
        with time_limit(), calling("condition"), torch.no_grad():
            probe = SubjectProber(subject).fresh(task)
            _, state = probe.norm.condition(task.context)
            probe.norm.normalize(task.targets, state)
    except SubjectRaised as raised:
        return f"{type(raised.error).__name__}: {first_line(raised.error)}"
    except (TypeError, ValueError):
        return None  # condition's answer has the wrong form: the laws say so
    return None


def found_adapter(
    factory: Factory,
    name: str | Adapter | None,
    step: int,
    device: str,
    declared: Claims | None,
    rank: int | None = None,
) -> Detected:
    """The adapter that is named, else detected; one that stands around another finds that."""
    if name is None or (name in ADAPTERS and ADAPTERS[name].around is not None):
        return detect_adapter(factory, step, device, declared=declared, rank=rank, only=name)
    adapter = name if isinstance(name, Adapter) else find_adapter(name)
    if adapter.recognise is None and (adapter is name or ":" in adapter.name):
        check_own(adapter, factory, step, device)
    if rank is None:
        rank = find_rank(factory, adapter, step, device)
    return Detected(adapter, rank, "as named")


def find_adapter(name: str) -> Adapter:
    """A shipped adapter by name, or a user's own as `module:Name` or `file.py:Name`.

    Raises Unusable with the nearest name.
    """
    if ":" in name and "[" not in name:
        return own_adapter(name)
    return ADAPTERS[name] if name in ADAPTERS else shipped_adapter(name)
