"""Objects that are handed over in Python: what they are called, and the recipe that carries one."""

from __future__ import annotations

import functools
import os
import reprlib
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tnverify.bad_input import BadInput
from tnverify.subjects.recipe import SubjectRecipe
from tnverify.subjects.shown import shown

if TYPE_CHECKING:
    from tnverify.contract.limits import Limits

_LONGEST = 60
"""Characters of a lambda that name it in reports."""


def recipe_of(
    subject: object,
    claims: str | None = None,
    adapter: object = None,
    handles: dict[str, str] | None = None,
    setup: str | None = None,
    limits: Limits | None = None,
) -> SubjectRecipe:
    """The recipe of a SPEC, a class, a function that builds a layer, or a layer that is there.

    What no name leads to in another process is carried as it is, with its source beside it. Raises
    BadInput for what is none of these.
    """
    asked: dict[str, Any] = {"claims": claims, "setup": setup, "handles": dict(handles or {})}
    asked |= _driven_by(adapter)
    if limits is not None:
        asked["limits"] = limits
    if isinstance(subject, str):
        return SubjectRecipe(subject, **asked)
    is_layer = hasattr(subject, "condition") or isinstance(subject, list | tuple)
    if not callable(subject) and not is_layer:
        raise BadInput(
            f"{reprlib.repr(subject)} ({type(subject).__name__}) is no layer: give a SPEC, a class,"
            " a function that builds a layer, or a layer"
        )
    spec = importable(subject)
    if spec is not None:
        return SubjectRecipe(spec, live=subject, **asked)
    code, lacks = shown(subject)
    asked["lacks"] = (*lacks, *asked.get("lacks", ()))
    return SubjectRecipe(called(subject), code=code, live=subject, **asked)


def _driven_by(adapter: object) -> dict[str, Any]:
    """What a recipe says of an adapter: its name, or the object and its source."""
    if adapter is None or isinstance(adapter, str):
        return {"adapter": adapter}
    if not callable(adapter):
        raise BadInput(
            f"adapter={reprlib.repr(adapter)}: an adapter is called with the layer, and returns an"
            " object with condition and normalize"
        )
    spec = importable(adapter)
    if spec is not None:
        return {"adapter": spec}
    code, lacks = shown(adapter, "the_adapter")
    return {
        "adapter": called(adapter), "adapter_code": code, "lacks": lacks, "live_adapter": adapter,
    }  # fmt: skip


def importable(subject: object) -> str | None:
    """The SPEC of a class or function that another process can import, else None."""
    name, module = getattr(subject, "__qualname__", None), getattr(subject, "__module__", None)
    if not isinstance(name, str) or not isinstance(module, str) or "<" in name:
        return None
    home = sys.modules.get(module)
    if home is None or module == "__main__" or _leads_to(home, name) is not subject:
        return None
    file = getattr(home, "__file__", None)
    alone = bool(file) and str(file).endswith(".py") and not getattr(home, "__package__", None)
    if _is_found(module, file) and not (alone and _is_found_here_alone(Path(str(file)))):
        return f"{module}:{name}"
    return f"{_from_here(Path(str(file)))}:{name}" if alone else None


def called(subject: object) -> str:
    """What a subject is called that has no SPEC: its class or function's name, or its text."""
    if isinstance(subject, functools.partial):
        given = [*map(repr, subject.args), *(f"{k}={v!r}" for k, v in subject.keywords.items())]
        return _short(f"{called(subject.func)}({', '.join(given)})")
    name = getattr(subject, "__qualname__", None) or type(subject).__qualname__
    bare = str(name).rpartition("<locals>.")[2]
    if bare != "<lambda>":
        return bare
    code, _ = shown(subject)
    text = code.rpartition("the_layer = ")[2].strip()[1:-1] if code else bare
    return _short(text)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."


def _leads_to(module: object, name: str) -> object:
    found: object = module
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _is_found(module: str, file: str | None) -> bool:
    """Whether importing the module by its name finds the file that it came from."""
    package, _, _ = module.rpartition(".")
    path = getattr(sys.modules.get(package), "__path__", None) if package else None
    if package and path is None:
        return False
    for finder in sys.meta_path:
        try:
            found = finder.find_spec(module, path)
        except (ImportError, ValueError, AttributeError):
            continue
        if found is not None:
            at = found.origin if found.has_location else None
            return at is file if None in (at, file) else Path(str(at)).samefile(str(file))
    return False


def _is_found_here_alone(file: Path) -> bool:
    """Whether a module was found because of what this process put on its path, as pytest does."""
    usual = {*map(Path, sysconfig.get_paths().values()), Path.cwd()}
    usual |= {Path(each) for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each}
    return file.resolve().parent not in {each.resolve() for each in usual}


def _from_here(file: Path) -> Path:
    resolved, here = file.resolve(), Path.cwd().resolve()
    return resolved.relative_to(here) if resolved.is_relative_to(here) else resolved
