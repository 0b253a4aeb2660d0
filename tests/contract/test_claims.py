"""Claims: what may be said, and what each scheme of the paper reads."""

from __future__ import annotations

import pytest

from tnverify.contract import SCHEMES, ClaimsError, parse_claims

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
