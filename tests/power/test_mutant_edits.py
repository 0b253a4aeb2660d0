"""Which changes are made of a layer's source, and of which part of its file."""

from __future__ import annotations

import textwrap

import pytest

pytest.importorskip("libcst", reason="the extra is not installed here")

from tnverify.power.mutants.mutant import KINDS, Mutant
from tnverify.power.mutants.scope import NotThereError
from tnverify.power.mutants.source import mutants_of

LAYER = "def layer(channels, x=None, n=None):\n    {}\n"


def changed(statement: str, kind: str) -> set[str]:
    """What becomes of one statement, by the changes of one kind."""
    text = LAYER.format(statement)
    found = [mutant for mutant in mutants_of(text, "layer", "a.py") if mutant.kind == kind]
    return {mutant.text.splitlines()[1].strip() for mutant in found}


@pytest.mark.parametrize(
    ("kind", "statement", "expected"),
    [
        ("axis", "return x.mean(dim=(0, 2))",
         {"return x.mean(dim=(2,))", "return x.mean(dim=(0,))", "return x.mean(dim=(1, 0, 2))"}),
        ("axis", "return x.mean(dim=1)", {"return x.mean(dim=2)", "return x.mean(dim=0)"}),
        ("axis", "return x.mean([-2, -1])",
         {"return x.mean([-1])", "return x.mean([-2])", "return x.mean([0, -2, -1])",
          "return x.mean([1, -2, -1])"}),
        ("constant", "return x + 1e-5", {"return x + 0.0", "return x + 0.0001"}),
        ("constant", "return x * 0.0", {"return x * 1.0"}),
        ("constant", "return x[3]", {"return x[4]", "return x[2]"}),
        ("comparison", "return x < n", {"return x <= n", "return x >= n"}),
        ("comparison", "return x is None", {"return x is not None"}),
        ("arithmetic", "return x - n", {"return x + n"}),
        ("arithmetic", "return x / n ** 2", {"return x * n ** 2", "return x / n * 2"}),
        ("arithmetic", "return -x", {"return x"}),
        ("arithmetic", "x += n", {"x -= n"}),
        ("flag", "return x.std(0, unbiased=False)", {"return x.std(0, unbiased=True)"}),
        ("flag", "return x.var((0, 2))", {"return x.var((0, 2), unbiased=False)"}),
        ("flag", "return x.sum(0, keepdim=True)", {"return x.sum(0, keepdim=False)"}),
        ("statement", "x.add_(n)", {"pass"}),
        ("statement", "x = x * n", {"pass"}),
        ("statement", "channels.mean = x", {"pass"}),
        ("statement", "raise ValueError('no')", {"pass"}),
        ("statement", "fresh = x * n", set()),
        ("statement", "return x", set()),
        ("condition", "return x if n else None", {"return x if (not n) else None"}),
        ("condition", "return x and n", {"return x or n"}),
        ("call", "return (x * x).sqrt()", {"return (x * x)"}),
        ("call", "return torch.sqrt(x * n)", {"return (x * n)"}),
        ("call", "return x.dim()", set()),
        ("detach", "return x * n", {"return (x * n).detach()"}),
        ("detach", "return x.mean(), n", {"return x.mean().detach(), n"}),
        ("detach", "return x.detach()", {"return x"}),
        ("detach", "return torch.no_grad()", {"return torch.enable_grad()",
                                              "return torch.no_grad().detach()"}),
        ("detach", "x = tuple(n)", set()),
    ],
)  # fmt: skip
def test_a_statement_is_changed(kind: str, statement: str, expected: set[str]) -> None:
    assert changed(statement, kind) == expected


FILE = textwrap.dedent(
    '''\
    """A file of layers, version 1."""
    from torch import nn

    EPS = 1e-5
    OTHER = 1e-3

    def centred(x: "1 + 1"):
        """Less 2."""
        return x - x.mean()

    def unused(x):
        return x + 7

    class Base(nn.Module):
        eps = EPS

        def forward(self, x):
            assert x.dim() > 3, "no"
            return centred(x) / self.eps

        def extra_repr(self):
            return str(1 + 1)

    class Layer(Base):
        pass
    '''
)


def of_file(name: str) -> tuple[Mutant, ...]:
    return mutants_of(FILE, name, "layers.py")


def test_what_the_layer_uses_is_changed_and_nothing_else() -> None:
    lines = {mutant.line for mutant in of_file("Layer")}
    assert lines == {4, 9, 19}


def test_a_function_that_makes_layers_is_changed_alone() -> None:
    assert {mutant.line for mutant in of_file("unused")} == {12}


def test_a_diff_shows_the_change() -> None:
    first = next(mutant for mutant in of_file("Layer") if mutant.kind == "constant")
    assert first.name == "4: 1e-5 becomes 0.0"
    lines = first.diff.splitlines()
    assert lines[:2] == ["--- layers.py", "+++ layers.py"]
    assert "-EPS = 1e-5" in lines
    assert "+EPS = 0.0" in lines
    assert first.text == FILE.replace("1e-5", "0.0")


def test_no_mutant_is_the_file_itself_or_another() -> None:
    texts = [mutant.text for mutant in of_file("Layer")]
    assert len(set(texts)) == len(texts)
    assert FILE not in texts
    assert {mutant.kind for mutant in of_file("Layer")} <= set(KINDS)


def test_a_name_that_the_file_does_not_define_is_no_layer() -> None:
    with pytest.raises(NotThereError, match="Elsewhere is not defined"):
        of_file("Elsewhere")
