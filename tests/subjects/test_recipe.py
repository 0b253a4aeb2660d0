"""Recipes: written to JSON and read back, and built from what was found without finding it anew."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from tnverify.contract import Limits
from tnverify.subjects import SubjectRecipe, Unusable, resolve
from tnverify.subjects.rebuilding import with_found
from tnverify.subjects.recipe import Found, RecipeError

ASKED = SubjectRecipe(
    "a.py:A(channels)", "meta_bn", "step[n=0..4]+frozen", {"scale": "a"}, "begin",
    Limits(rank=1, min_items=4, spatial=(7, 5)),
)  # fmt: skip
FOUND = replace(
    ASKED,
    found=Found(handles={"eps": "epsilon"}, one_width=True, one_shape=(4, 4), eps=1e-3, lazy=True),
)


@pytest.mark.parametrize(
    "recipe",
    [
        SubjectRecipe("torch.nn:Identity"),
        ASKED,
        FOUND,
        replace(FOUND, code="the_layer = 1\n", lacks=("it",), adapter_code="the_adapter = 2\n"),
        SubjectRecipe("a:B", found=Found(eps=float("inf"))),
    ],
)
def test_what_is_written_is_read_back(recipe: SubjectRecipe) -> None:
    assert SubjectRecipe.from_json(json.loads(json.dumps(recipe.as_json()))) == recipe


def test_the_object_itself_is_never_written() -> None:
    assert replace(ASKED, live=len).as_json() == ASKED.as_json()


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ({}, "no recipe of a subject: .*`spec`"),
        ({"spec": 3}, r"no recipe of a subject: Expected `str`, got `int` - at `\$.spec`"),
        ({"spec": "a:B", "adaptor": "frozen"}, "a recipe has no 'adaptor': .*'adapter'"),
        ({"spec": "a:B", "live": 1}, "a recipe has no 'live'"),
        ({"spec": "a:B", "found": {"chanel_step": 2}}, "found has no 'chanel_step'"),
        ({"spec": "a:B", "found": {"limits": {"min_item": 2}}}, "limits has no 'min_item'"),
        ({"spec": "a:B", "found": ["rank"]}, r"found must be a table, not \['rank'\]"),
    ],
)
def test_what_is_no_recipe_is_refused_in_a_line(data: dict[str, object], complaint: str) -> None:
    with pytest.raises(RecipeError, match=complaint):
        SubjectRecipe.from_json(data)


@pytest.mark.parametrize(
    "spec",
    ["torch.nn:GroupNorm(2, channels)", "torch.nn:BatchNorm2d(7)", "torch.nn:LazyInstanceNorm2d"],
)
def test_what_was_found_is_not_found_anew(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = SubjectRecipe(spec, adapter="no_context")
    subject = resolve(recipe).subject
    complete = with_found(recipe, subject)
    for name in ("detect_adapter", "channel_step", "find_rank", "infer"):
        monkeypatch.delattr(sys.modules["tnverify.subjects.resolve"], name)
    built = SubjectRecipe.from_json(complete.as_json()).build()
    assert with_found(recipe, built) == complete
    assert type(built.channel_step) is type(subject.channel_step)
    assert (built.claims, built.handles) == (subject.claims, subject.handles)
    assert built.factory.only == subject.factory.only


def test_claims_are_known_as_given_or_measured() -> None:
    given = SubjectRecipe("a:B", "tasknorm_i", found=Found(claims="tasknorm_i,unbiased")).held_to
    assert (given.variance, given.variance_given, given.inferred) == ("unbiased", False, False)
    assert SubjectRecipe("a:B", "none,biased", found=Found(claims="none")).held_to.variance_given
    assert SubjectRecipe("a:B", found=Found(claims="none")).held_to.inferred


def test_an_object_without_a_name_is_built_only_where_it_is() -> None:
    recipe = SubjectRecipe("Mine", code="", found=Found(), live=lambda channels: channels)
    assert recipe.build().factory(3, (2, 2)) == 3
    with pytest.raises(Unusable, match="Mine was given as an object, to which no name leads"):
        recipe.kept().build()
