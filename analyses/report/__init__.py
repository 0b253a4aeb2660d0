"""What an analysis found, as one HTML page that stands by itself, with its figures and tables.

Programs make a `Content` of sections, tables and pictures; `html` lays it out as a page that
loads nothing, runs nothing, and reads well on a phone and on dark paper.
"""

from __future__ import annotations

from tnverify.analyses.report.content import (
    Cell,
    Content,
    Gallery,
    Note,
    Section,
    Sheet,
    Statement,
    Table,
    Verdicts,
    paragraphs,
)
from tnverify.analyses.report.page import Heading, html

__all__ = [
    "Cell",
    "Content",
    "Gallery",
    "Heading",
    "Note",
    "Section",
    "Sheet",
    "Statement",
    "Table",
    "Verdicts",
    "html",
    "paragraphs",
]
