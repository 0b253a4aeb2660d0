"""Claims: what may be said, and what each scheme of the paper reads."""

from __future__ import annotations

import pytest

from tnverify.contract import MODIFIERS, SCHEMES, Claims, ClaimsError, parse_claims
from tnverify.contract.claims import nearest

OWN, CONTEXT = {"itself"}, {"itself", "context"}
PAST, OTHERS = {"itself", "past"}, {"itself", "other_targets"}


@pytest.mark.parametrize(
    ("scheme", "context", "targets"),
    [
        ("none", OWN, OWN),
        ("layer_norm", OWN, OWN),
        ("instance_norm", OWN, OWN),
        ("group_norm", OWN, OWN),
        ("conventional_bn", PAST, PAST),
        ("batch_renorm", PAST, PAST),
        ("transductive_bn", CONTEXT, OTHERS),
        ("reptile_norm", CONTEXT, CONTEXT),
        ("meta_bn", CONTEXT, CONTEXT),
        ("tasknorm_i", CONTEXT, CONTEXT),
        ("tasknorm_l", CONTEXT, CONTEXT),
        ("tasknorm_r", CONTEXT | PAST, CONTEXT | PAST),
    ],
)
def test_whom_a_scheme_reads_is_claimed_both_ways(
    scheme: str, context: set[str], targets: set[str]
) -> None:
    claims = parse_claims(scheme)
    assert claims.may_read("context") == claims.must_read("context") == context
    assert claims.may_read("target") == claims.must_read("target") == targets


def test_inductive_leaves_reading_of_the_context_open_and_others_forbidden() -> None:
    claims = parse_claims("inductive")
    assert claims.must_read("target") == OWN
    assert claims.may_read("target") == {"itself", "context", "past"}
    assert not claims.has_formula


def test_in_a_sentence_none_is_not_nobody() -> None:
    called = {scheme.called for scheme in SCHEMES.values()}
    assert "the scheme none" in called
    assert "none" not in called
    assert "meta_bn" in called


def test_only_one_scheme_reads_other_targets() -> None:
    reading = [s.name for s in SCHEMES.values() if "other_targets" in s.target_reads]
    assert reading == ["transductive_bn"]


def test_modifiers_are_read_and_printed_in_one_order() -> None:
    claims = parse_claims("tasknorm_i, first_order,detached ,unbiased")
    assert claims.modifiers == ("unbiased", "detached", "first_order")
    assert str(claims) == "tasknorm_i,unbiased,detached,first_order"
    assert parse_claims(str(claims)) == claims


def test_the_biased_convention_is_the_default_and_not_printed() -> None:
    claims = parse_claims("meta_bn")
    assert (claims.variance, claims.variance_given, str(claims)) == ("biased", False, "meta_bn")
    assert parse_claims("meta_bn,biased").variance_given


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tasknorm_k", "unknown scheme 'tasknorm_k': did you mean 'tasknorm_"),
        ("", "unknown scheme ''"),
        ("meta_bn,detach", "unknown modifier 'detach': did you mean 'detached'"),
        ("meta_bn,biased,unbiased", "both variance conventions"),
    ],
)
def test_what_is_no_claim_names_the_nearest(text: str, says: str) -> None:
    with pytest.raises(ClaimsError) as raised:
        parse_claims(text)
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tasknorm_ii", "unknown scheme 'tasknorm_ii': did you mean 'tasknorm_i'?"),
        # Hardly alike, but alike: half of both words is shared.
        ("meta_bn,det", "unknown modifier 'det': did you mean 'detached'?"),
        ("meta_bn,det,fast", "unknown modifier 'det': did you mean 'detached'?"),
        (
            "meta_bn,quick",
            (
                "unknown modifier 'quick': known: biased, unbiased, detached, float32, first_order,"
                " reads_context, reads_past"
            ),
        ),
        (
            "meta_bn,reads_context",
            (
                "claims 'meta_bn,reads_context': meta_bn says by itself whom it reads;"
                " reads_context is for inductive"
            ),
        ),
        (
            "bn",
            (
                "unknown scheme 'bn': known: none, conventional_bn, batch_renorm, transductive_bn,"
                " layer_norm, per_pixel_layer_norm, rms_norm, item_rms_norm, frozen_bn,"
                " instance_norm, group_norm, reptile_norm and 5 more"
            ),
        ),
        (
            "meta_bn, unbiased, biased",
            "claims 'meta_bn, unbiased, biased' name both variance conventions: keep one",
        ),
    ],
)
def test_an_error_says_which_word_and_what_to_write_instead(text: str, message: str) -> None:
    with pytest.raises(ClaimsError) as raised:
        parse_claims(text)
    assert str(raised.value) == message


def test_at_most_twelve_known_words_are_told() -> None:
    words = [f"{letter}{letter}{letter}" for letter in "abcdefghijklmno"]
    twelve = "known: " + ", ".join(words[:12])
    assert nearest("?", words[:1]) == "known: aaa"
    assert nearest("?", words[:12]) == twelve
    assert nearest("?", words[:13]) == f"{twelve} and 1 more"
    assert nearest("?", words) == f"{twelve} and 3 more"
    assert nearest("bbc", words) == "did you mean 'bbb'?"


def test_a_scheme_alone_claims_no_modifier() -> None:
    assert parse_claims("tasknorm_i") == Claims(scheme=SCHEMES["tasknorm_i"])


@pytest.mark.parametrize(
    ("text", "target", "context"),
    [
        ("inductive,reads_context", {"itself", "context"}, OWN),
        ("inductive,reads_past", {"itself", "past"}, {"itself", "past"}),
        ("inductive,reads_context,reads_past", {"itself", "context", "past"}, {"itself", "past"}),
    ],
)
def test_a_layer_without_a_scheme_may_say_whom_it_must_read(
    text: str, target: set[str], context: set[str]
) -> None:
    claims = parse_claims(text)
    assert (claims.must_read("target"), claims.must_read("context")) == (target, context)
    assert claims.may_read("target") == parse_claims("inductive").may_read("target")
    assert str(claims) == text


@pytest.mark.parametrize("modifier", [m for m in MODIFIERS if not m.startswith("reads_")])
def test_a_modifier_claims_that_and_nothing_else(modifier: str) -> None:
    claims = parse_claims(f" meta_bn , {modifier} ")
    assert claims.scheme is SCHEMES["meta_bn"]
    assert claims.variance == ("unbiased" if modifier == "unbiased" else "biased")
    assert claims.variance_given is (modifier in ("biased", "unbiased"))
    assert claims.detached is (modifier == "detached")
    assert claims.float32 is (modifier == "float32")
    assert claims.first_order is (modifier == "first_order")
    assert not claims.inferred
    assert modifier in claims.modifiers


def test_a_convention_said_twice_is_said_once() -> None:
    assert parse_claims("meta_bn,unbiased,unbiased") == parse_claims("meta_bn,unbiased")


def test_without_a_formula_the_convention_is_a_modifier_only_where_it_is_given() -> None:
    assert parse_claims("inductive").modifiers == ()
    assert parse_claims("inductive,biased").modifiers == ("biased",)
    assert str(parse_claims("inductive,unbiased,float32")) == "inductive,unbiased,float32"


def test_another_convention_leaves_the_other_claims_as_they_were() -> None:
    claims = parse_claims("tasknorm_l,detached,float32")
    other = claims.with_variance("unbiased")
    assert other.variance == "unbiased"
    assert other.with_variance("biased") == claims
    assert str(other) == "tasknorm_l,unbiased,detached,float32"


@pytest.mark.parametrize(
    ("scheme", "reads_context", "reads_past", "blends"),
    [
        ("none", False, False, False),
        ("conventional_bn", False, True, False),
        ("transductive_bn", False, False, False),
        ("meta_bn", True, False, False),
        ("tasknorm_i", True, False, True),
        ("tasknorm_r", True, True, True),
    ],
)
def test_what_a_schemes_target_outputs_read_and_whether_moments_are_blended(
    scheme: str, reads_context: bool, reads_past: bool, blends: bool
) -> None:
    found = SCHEMES[scheme]
    assert (found.reads_context, found.reads_past, found.blends) == (
        reads_context,
        reads_past,
        blends,
    )
