"""What a layer was found to be, in a form that processes can hand on; and the layer built by it."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tnverify.power.mutants.behaviours import BEHAVIOURS
from tnverify.subjects.resolve import SubjectRequest, factory_of, find_adapter
from tnverify.subjects.spec import Unusable, import_module, parse_spec
from tnverify.subjects.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from tnverify.contract.claims import Claims
    from tnverify.power.mutants.mutant import Mutant
    from tnverify.subjects.handles import Handles


@dataclass(frozen=True, slots=True)
class Form:
    """All that a mutant takes from the original: how it is driven and what it is held to."""

    request: SubjectRequest
    adapter: str
    claims: Claims
    handles: Handles
    rank: int
    channel_step: int
    native: torch.dtype
    has_float64: bool
    eps: float
    device: torch.device


@dataclass(frozen=True, slots=True)
class Home:
    """Where a layer is defined: the name is `qualname` of `module`, whose source is `file`."""

    file: str
    module: str
    qualname: str


def form_of(subject: Subject, request: SubjectRequest) -> Form:
    """The form of a subject that was measured."""
    return Form(
        request,
        subject.adapter.name,
        subject.claims,
        subject.handles,
        subject.rank,
        subject.channel_step,
        subject.native,
        subject.has_float64,
        subject.eps,
        subject.device,
    )


def subject_of(
    form: Form, call: Callable[..., object] | None = None, behaviour: str | None = None
) -> Subject:
    """The subject of this form: the original, or a mutant whose factory is `call`."""
    spec = parse_spec(form.request.spec)
    adapter = find_adapter(form.adapter)
    if behaviour is not None:
        own, changed = adapter.wrap, BEHAVIOURS[behaviour].wrap
        adapter = replace(adapter, wrap=lambda layer: changed(own(layer)))
    factory = factory_of(spec, form.request.setup)
    return Subject(
        name=form.request.spec,
        factory=factory if call is None else replace(factory, call=call),
        adapter=adapter,
        claims=form.claims,
        handles=form.handles,
        rank=form.rank,
        channel_step=form.channel_step,
        native=form.native,
        device=form.device,
        has_float64=form.has_float64,
        eps=form.eps,
        given_handles=dict(form.request.handles),
    )


def home_of(made: object) -> Home | str:
    """Where a class or function is defined, or why no source of it can be changed."""
    made = inspect.unwrap(made) if callable(made) else made
    if not (inspect.isclass(made) or inspect.isfunction(made)):
        return f"a {type(made).__name__} has no source of its own"
    if "<locals>" in made.__qualname__:
        return "it is defined inside a function"
    try:
        file = inspect.getsourcefile(made)
    except TypeError:
        file = None
    if file is None or not Path(file).is_file():
        return "no source of it is to be found"
    return Home(str(Path(file).resolve()), made.__module__, made.__qualname__)


def changed_layer(home: Home, mutant: Mutant, folder: Path) -> Callable[..., object]:
    """The layer as the mutant's text defines it, its module in the place of the original.

    The text is written into `folder`. What importing it raises is raised here.
    """
    original = Path(home.file)
    path = folder / original.name
    path.write_text(mutant.text, encoding="utf-8")
    package, _, last = home.module.rpartition(".")
    parent = import_module(package) if package else None
    if not package and str(original.parent) not in sys.path:
        sys.path.append(str(original.parent))
    inside = [str(original.parent)] if original.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(
        home.module, path, submodule_search_locations=inside
    )
    if spec is None or spec.loader is None:
        raise Unusable(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    module.__file__ = home.file  # files beside it are found where they are
    sys.modules[home.module] = module
    if parent is not None:
        setattr(parent, last, module)
    spec.loader.exec_module(module)
    found: object = module
    for part in home.qualname.split("."):
        found = getattr(found, part)
    return found  # type: ignore[return-value]  # a class or function, as home_of has seen
