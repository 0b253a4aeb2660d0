"""Configure Sphinx, which `.ci/docs/build.py` calls once the pages are laid out."""

from __future__ import annotations

import re

from tnverify import __version__

project = "tnverify"
author = "The tnverify authors"
copyright = author  # noqa: A001 - the name that Sphinx reads
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_click"]
myst_enable_extensions = ["attrs_inline"]
myst_heading_anchors = 4
source_suffix = {".md": "markdown"}

html_theme = "furo"
html_title = f"tnverify {version}"
html_show_sphinx = False
html_copy_source = False
html_show_copyright = False
html_static_path = ["static"]
html_css_files = ["pages.css"]
# Two hyphens begin an option.
smartquotes = False

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
# Docstrings have names between single backticks.
default_role = "code"

# Pages and anchors are checked; names of types are not: most are torch's or private.
nitpick_ignore_regex = [("py:.*", ".*")]


def _as_restructured(
    _app: object, _what: str, _name: str, _of: object, _options: object, lines: list[str]
) -> None:
    """Make of a docstring in plain text what Sphinx reads: lists stand apart, and so do blocks of
    code."""
    found: list[str] = []
    for number, line in enumerate(lines):
        before = lines[number - 1] if number else ""
        starts_list = re.match(r"\s*- ", line) and not re.match(r"\s*- |\s+\S", before)
        if before.strip() and starts_list:
            found.append("")
        is_code = line.startswith("    ") and not before.strip() and not _in_list(found)
        if is_code:
            found += ["::", ""]
        found.append(
            re.sub(r"([*|])", r"\\\1", line) if not line.startswith(("    ", ">>>")) else line
        )
    lines[:] = found


def _in_list(lines: list[str]) -> bool:
    """Return whether the next line continues a list, or a block of code."""
    said = [line for line in lines if line.strip()]
    return bool(said) and (said[-1].startswith(("    ", "  ", "- ", ">>>")))


def setup(app: object) -> None:
    app.connect("autodoc-process-docstring", _as_restructured)  # type: ignore[attr-defined]  # Sphinx's application
