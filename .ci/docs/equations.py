"""Formulas of schemes as MathML, which browsers show without a program or a request."""

from __future__ import annotations

import re

from docutils.utils.math.latex2mathml import tex2mathml

_SYMBOLS = {
    "γ": r"\gamma ",
    "β": r"\beta ",
    "μ": r"\mu ",
    "σ": r"\sigma ",
    "ε": r"\epsilon ",
    "α": r"\alpha ",
    "−": "-",
    "·": r"\cdot ",
    "²": "^2",
    "₁": "_1",
    "₂": "_2",
}


def mathml(formula: str) -> str:
    """Return the equations of a formula, each a block of its own."""
    return "\n\n".join(
        tex2mathml(latex(each), as_block=True).replace("\n", "") for each in _apart(formula)
    )


def latex(equation: str) -> str:
    """Return an equation in LaTeX: of `(x − μ) / √(σ² + ε)` a fraction over a root."""
    text = re.sub(r"₁²", r"²₁", re.sub(r"₂²", r"²₂", equation))
    text = re.sub(r"mean of x²", "MEAN", text)
    text = re.sub(r"(\([^()]*\)|\w) / √\(([^()]*)\)", _fraction, text)
    text = re.sub(r"\bsigmoid\(", r"\\operatorname{sigmoid}(", text)
    text = re.sub(r"\b(scale|offset)\b", r"\\mathrm{\1}", text)
    for sign, command in _SYMBOLS.items():
        text = text.replace(sign, command)
    return text.replace("MEAN", r"\mathrm{mean}(x^2)")


def _fraction(found: re.Match[str]) -> str:
    above = found[1].removeprefix("(").removesuffix(")")
    return rf"\frac{{{above}}}{{\sqrt{{{found[2]}}}}}"


def _apart(formula: str) -> list[str]:
    """Return the equations of a formula: they are set apart by commas outside of parentheses."""
    return re.split(r", (?=[^()]*(?:\(|$))(?=\S+ = )", formula)
