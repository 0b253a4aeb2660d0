"""What every HTML page of this project is made with: one file that needs nothing beside it.

A page has a template that extends `base.html.j2`, a style sheet behind `base.css`, and perhaps a
script; it loads nothing, and reads well on a phone, on dark paper and without its script.
"""

from __future__ import annotations

from tnverify.report.page.rendering import Page

__all__ = ["Page"]
