"""From a request on the command line to a subject that is ready to be verified."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch

from tnverify.contract.claims import SCHEMES, Claims, ClaimsError, nearest, parse_claims
from tnverify.contract.limits import Limits, OnlyWidth
from tnverify.contract.outcomes import SubjectRaised, first_line
from tnverify.subjects.adapters import ADAPTERS, Adapter
from tnverify.subjects.building import build, native_dtype
from tnverify.subjects.channels import channel_step
from tnverify.subjects.detect import detect_adapter
from tnverify.subjects.guard import HANG_SECONDS, Hang, calling, time_limit
from tnverify.subjects.handles import find_handles
from tnverify.subjects.infer import Inference, infer
from tnverify.subjects.limiting import with_limits
from tnverify.subjects.ordinary import ordinary
from tnverify.subjects.prober import SubjectProber
from tnverify.subjects.ranks import find_rank
from tnverify.subjects.spec import Unusable, parse_spec
from tnverify.subjects.subject import Factory, Subject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tnverify.contract.task import Task
    from tnverify.faults import Fault


@dataclass(frozen=True, slots=True)
class SubjectRequest:
    """What a user asks to have verified, in the words of the command line."""

    spec: str
    claims: str | None = None
    adapter: str | None = None
    handles: Mapping[str, str] = field(default_factory=dict)
    setup: str | None = None
    limits: Limits = field(default_factory=Limits)
    """Sizes that the layer takes, as far as they were given; more are found by trying."""


def resolve(request: SubjectRequest, device: str = "cpu") -> Inference:
    """The subject with its claims and fingerprint, measured where they were not given.

    Raises Unusable, with one line that says what to change, where the request names nothing
    that can be built and driven.
    """
    try:
        declared = None if request.claims is None else parse_claims(request.claims)
    except ClaimsError as error:
        raise Unusable(str(error)) from None
    subject = drive(request, device)
    with time_limit():
        return infer(with_limits(subject, request.limits), declared)


def drive(request: SubjectRequest, device: str = "cpu") -> Subject:
    """The subject behind its adapter, its claims still open. Raises Unusable, as `resolve`."""
    spec = parse_spec(request.spec)
    limits = request.limits
    only = None if limits.channels is None else OnlyWidth(limits.channels, limits.spatial)
    factory = Factory(spec.load(), spec, request.setup, only)
    try:
        with time_limit():
            _check_setup(factory, request)
            return _driven(request.spec, factory, request.adapter, request.handles, device)
    except SubjectRaised as raised:
        raise Unusable(str(raised)) from None
    except Hang:
        raise Unusable(f"building it took longer than {HANG_SECONDS:g} s") from None


def from_fault(fault: Fault, device: str = "cpu") -> Subject:
    """A planted fault as a subject that makes the claims it was planted under."""
    claims = parse_claims(fault.claims)
    return _with_claims(
        _driven(fault.name, Factory(fault.factory), fault.adapter, {}, device), claims
    )


def from_factory(name: str, factory: Factory, claims: str, adapter: str | None = None) -> Subject:
    """A subject from a callable that takes the number of channels, with its claims."""
    return _with_claims(_driven(name, factory, adapter, {}, "cpu"), parse_claims(claims))


def _with_claims(subject: Subject, claims: Claims) -> Subject:
    layer = build(subject.factory, 3 * subject.channel_step, (4, 3, 2)[: subject.rank])
    handles = find_handles(layer, 3 * subject.channel_step, claims, {})
    return replace(subject, claims=claims, handles=handles)


def _check_setup(factory: Factory, request: SubjectRequest) -> None:
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
    name: str, factory: Factory, adapter: str | None, handles: Mapping[str, str], device: str
) -> Subject:
    step = channel_step(factory)
    if adapter is None:
        chosen, rank = detect_adapter(factory, step, device)
    else:
        chosen = find_adapter(adapter)
        rank = find_rank(factory, chosen, step, device)
    layer = build(factory, 3 * step, (4, 3, 2)[:rank])
    bare = Claims(SCHEMES["inductive"], inferred=True)
    found = find_handles(layer, 3 * step, bare, handles)
    shown = found.get(layer, "eps")
    subject = Subject(
        name=name,
        factory=factory,
        adapter=chosen,
        claims=bare,
        rank=rank,
        channel_step=step,
        native=native_dtype(layer),
        device=torch.device(device),
        handles=found,
        given_handles=dict(handles),
        eps=1e-5 if shown is None else float(shown),
        eps_of_dtype=shown is None and getattr(layer, "eps", 0.0) is None,
    )
    return _with_lanes(subject)


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


def find_adapter(name: str) -> Adapter:
    """A shipped adapter by name, or a user's own as `module:Name` or `file.py:Name`.

    Raises Unusable with the nearest name.
    """
    if name in ADAPTERS:
        return ADAPTERS[name]
    if ":" not in name:
        raise Unusable(f"unknown adapter {name!r}: {nearest(name, tuple(ADAPTERS))}")
    wrap = parse_spec(name).load()
    return Adapter(name, "a user's own", wrap)  # type: ignore[arg-type]  # callable, says load
