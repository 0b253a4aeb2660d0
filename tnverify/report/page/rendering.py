"""Templates, style sheets and scripts of a page, made one text."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tnverify.report.page.colours import Colours

_BASE = "tnverify.report.page"


@dataclass(frozen=True, slots=True)
class Page:
    """A page whose files lie in `package`: its template, and its style sheet and script, if any."""

    package: str
    template: str
    style: str = ""
    script: str = ""

    def html(
        self, colours: Colours, values: Mapping[str, Any], calls: Mapping[str, Callable[..., Any]]
    ) -> str:
        """The page. All words are escaped; only the style sheet, the script and what a template
        calls safe go in as they are. `calls` are functions that templates may call."""
        from jinja2 import ChoiceLoader, Environment, FunctionLoader, StrictUndefined

        loader = ChoiceLoader(
            [FunctionLoader(partial(_text, package)) for package in (self.package, _BASE)]
        )
        environment = Environment(
            loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True,
        )  # fmt: skip
        environment.globals.update(calls)
        script = _text(self.package, self.script) or "" if self.script else ""
        digest = hashlib.sha256(script.encode()).digest()
        page: str = environment.get_template(self.template).render(
            **values,
            css=self._css(colours),
            script=script,
            script_hash=base64.b64encode(digest).decode(),
        )
        return page if page.endswith("\n") else f"{page}\n"

    def _css(self, colours: Colours) -> str:
        from jinja2 import Environment, StrictUndefined

        # A style sheet is no HTML: nothing in it is to be escaped, and no word of a user goes in.
        plain = Environment(autoescape=False, undefined=StrictUndefined)  # noqa: S701 - see above
        sheets = [(_BASE, "base.css"), (self.package, self.style)]
        texts = [_text(package, name) or "" for package, name in sheets if name]
        return plain.from_string("".join(texts)).render(colours=colours)


def _text(package: str, name: str) -> str | None:
    """The file of a package; None where there is none, so that the next loader is asked."""
    try:
        return files(package).joinpath(name).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
