"""A mutant in the place of the layer that it was made of, and where that layer is defined."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tnverify.power.mutants.behaviours import BEHAVIOURS
from tnverify.subjects.spec import Unusable, import_module

if TYPE_CHECKING:
    from collections.abc import Callable

    from tnverify.power.mutants.mutant import Mutant
    from tnverify.subjects.subject import Subject


@dataclass(frozen=True, slots=True)
class Home:
    """Where a layer is defined: the name is `qualname` of `module`, whose source is `file`."""

    file: str
    module: str
    qualname: str


def mutated(
    original: Subject, call: Callable[..., object] | None = None, behaviour: str | None = None
) -> Subject:
    """The subject with another factory, `call`, or with a behaviour changed in what is built."""
    changed = original
    if behaviour is not None:
        own, wrap = original.adapter.wrap, BEHAVIOURS[behaviour].wrap
        adapter = replace(original.adapter, wrap=lambda layer: wrap(own(layer)))
        changed = replace(changed, adapter=adapter)
    if call is not None:
        changed = replace(changed, factory=replace(original.factory, call=call))
    return changed


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
