"""SPEC: how a user names a layer, read without evaluating anything beyond literals.

`module:Name`, `path/to/file.py:Name`, or a call such as `torch.nn:GroupNorm(2, channels)` with
literals and the words `channels`, `spatial`, `model` and `norm`. A bare name is called with the
number of channels. `#path.to.layer` behind it means a layer inside what is built.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tnverify.contract.claims import nearest
from tnverify.contract.outcomes import first_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

WORDS = ("channels", "spatial", "model", "norm")

_FORM = (
    r"(?P<module>.+\.py|[\w.]+):(?P<rest>[^\W\d][\w.]*\s*(?:\(.*\))?)(?:#(?P<path>\w+(?:\.\w+)*))?"
)


class Unusable(Exception):  # noqa: N818 - named for the verdict that it leads to
    """The subject could not be named, imported, built or driven; the message is one line."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A parsed SPEC. `call` is None for a bare name, which is called with the channels.

    `path` leads from what is built to the layer that is meant, None where it is that itself.
    `held` has the one object that is meant, where it was given rather than named.
    """

    text: str
    module: str
    name: str
    call: ast.Call | None
    path: str | None = None
    held: tuple[object, ...] = ()

    @property
    def wants_spatial(self) -> bool:
        """Whether the layer must be built for each spatial shape."""
        return self.says("spatial")

    def says(self, word: str) -> bool:
        """Whether one of the words stands in the call."""
        return self.call is not None and any(
            isinstance(node, ast.Name) and node.id == word
            for part in (*self.call.args, *(k.value for k in self.call.keywords))
            for node in ast.walk(part)
        )

    def arguments(
        self, channels: int, spatial: tuple[int, ...]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments with the words replaced by their values."""
        if self.call is None:
            return [channels], {}
        words: dict[str, Any] = {"channels": channels, "spatial": list(spatial)}
        for word in ("model", "norm"):
            if self.says(word):
                words[word] = stand_in(word, channels)
        positional: list[Any] = []
        for node in self.call.args:
            if isinstance(node, ast.Starred):
                positional.extend(_value(node.value, words, self.text))
            else:
                positional.append(_value(node, words, self.text))
        keywords = {str(k.arg): _value(k.value, words, self.text) for k in self.call.keywords}
        return positional, keywords

    def load(self) -> Callable[..., object]:
        """What the name stands for, where it can be called. Raises Unusable as `find` does."""
        found = self.find()
        if not callable(found):
            raise Unusable(f"{self.text}: {self.name} is a {type(found).__name__}, not a layer")
        return found

    def find(self) -> object:
        """What the name stands for. Raises Unusable if it does not import or is not there."""
        if self.held:
            return self.held[0]
        module = import_module(self.module)
        found: object = module
        for part in self.name.split("."):
            if not hasattr(found, part):
                public = tuple(n for n in dir(found) if not n.startswith("_"))
                raise Unusable(f"{self.module} has no {part!r}: {nearest(part, public[:400])}")
            found = getattr(found, part)
        return found


def stand_in(word: str, channels: int) -> Any:
    """What is given to a layer that wraps, or converts, a `norm` or a `model` of the caller's."""
    import torch

    norm = torch.nn.BatchNorm2d(channels)
    return norm if word == "norm" else torch.nn.Sequential(norm)


def parse_spec(text: str) -> Spec:
    """The Spec that `text` spells; raises Unusable with what is wrong and what to write."""
    match = re.fullmatch(_FORM, text, re.DOTALL)
    if match is None:
        raise Unusable(
            f"{text!r} is no spec: write module:Name, file.py:Name,"
            " module:Name(literals, channels) or file.py:model#path.to.norm"
        )
    try:
        node = ast.parse(match["rest"], mode="eval").body
    except SyntaxError as error:
        raise Unusable(f"{text!r} is no spec: {error.msg}") from None
    call = node if isinstance(node, ast.Call) else None
    if isinstance(call.func if call else node, ast.Call):
        raise Unusable(f"{text!r} is no spec: a name is called once")
    name = ast.unparse(call.func if call else node)
    spec = Spec(text, match["module"], name, call, match["path"])
    spec.arguments(2, (2, 2))
    return spec


def _value(node: ast.expr, words: dict[str, Any], text: str) -> Any:
    """A literal, one of the words, or a list, tuple or dict of these."""
    if isinstance(node, ast.Name) and node.id in words:
        return words[node.id]
    if isinstance(node, ast.List | ast.Tuple):
        items: list[Any] = []
        for element in node.elts:
            if isinstance(element, ast.Starred):
                items.extend(_value(element.value, words, text))
            else:
                items.append(_value(element, words, text))
        return items if isinstance(node, ast.List) else tuple(items)
    if isinstance(node, ast.Dict):
        return {
            _value(key, words, text): _value(value, words, text)
            for key, value in zip(node.keys, node.values, strict=True)
            if key is not None
        }
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise Unusable(
            f"{text!r}: {ast.unparse(node)!r} is neither a literal nor one of the words"
            f" {', '.join(WORDS)}"
        ) from None


def import_module(name: str) -> ModuleType:
    """The module or file of this name; the current directory is importable.

    Raises Unusable whatever importing raises, SystemExit included.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        if name.endswith(".py"):
            return _import_file(Path(name))
        return importlib.import_module(name)
    except Unusable:
        raise
    except (Exception, SystemExit) as error:
        raise Unusable(
            f"{name} does not import: {type(error).__name__}: {first_line(error)}"
        ) from error


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise Unusable(f"there is no file {path}")
    path = path.resolve()
    # A name of its own for every file, kept in sys.modules: what the file defines can then be
    # pickled, and two files named layers.py do not meet.
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    name = f"{path.stem}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Unusable(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    parent = str(path.parent)
    if parent not in sys.path:
        sys.path.append(parent)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
