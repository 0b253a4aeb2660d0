"""What audits find of small subjects, each with one thing right or wrong."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tnverify.auditing.options import AuditOptions
from tnverify.auditing.run import audit

_PATH = Path(__file__).with_name("learners.py")
_SPEC = importlib.util.spec_from_file_location("audited_learners", _PATH)
assert _SPEC is not None
assert _SPEC.loader is not None
learners = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(learners)

CONTENT = "what_other_targets_hold_does_not_matter"


def audited(name, *, live=None, **options):
    """The one subject's report of a quick audit in this process."""
    options = {"input_shape": (6,), "profile": "quick"} | options
    thing = getattr(learners, name) if live is None else live
    return audit(name, AuditOptions(**options), live=thing, isolated=False).subjects[0]


def failing(report):
    return {verdict.law.name for verdict in report.laws if verdict.is_bad}


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", ["Nearest", "InEvaluation", "TiesDecide", "TellsClasses"])
def test_sound_learners_are_inductive_at_every_seed(name: str, seed: int) -> None:
    report = audited(name, seed=seed)
    assert report.verdict == "conforms"
    assert report.audit is not None
    assert report.audit.leak in ("bit_equal", "rounding")


def test_a_centred_batch_is_a_leak_from_two_targets_on() -> None:
    report = audited("Centred")
    assert report.verdict == "violates"
    assert report.audit is not None
    assert (report.audit.leak, report.audit.from_targets) == ("reads", 2)
    assert report.audit.content > 0.1
    assert report.audit.worth is not None
    assert report.audit.worth.together > report.audit.worth.alone
    assert {CONTENT, "no_gradient_reaches_another_target"} <= failing(report)


def test_a_leak_behind_a_threshold_is_found_by_extremes() -> None:
    report = audited("FarOutliers", profile="default", only=("other_targets",))
    assert "extreme_targets_leave_others_alone" in failing(report)


def test_the_module_where_targets_enter_is_named() -> None:
    report = audited("Normalised")
    assert report.audit is not None
    assert report.audit.enters is not None
    entry = report.audit.enters
    assert (entry.path, entry.module, entry.training) == ("features.1", "BatchNorm1d", True)
    assert "eval()" in entry.remedy


def test_what_is_remembered_of_other_tasks_is_found() -> None:
    report = audited("Remembers", only=("state",))
    assert "another_task_in_between_does_not_matter" in failing(report)


@pytest.mark.parametrize(
    ("name", "law"),
    [
        ("Peeks", "the_labels_of_targets_do_not_reach_predictions"),
        ("Squeezes", "a_target_alone_is_predicted_alike"),
        ("Forgets", "the_context_is_used"),
        ("Forgets", "the_labels_of_the_context_are_used"),
        ("DrawsDifferently", "equal_worlds_answer_alike"),
        ("NotANumber", "predictions_are_numbers"),
        ("TakesSureTargetsForLabels", "confident_targets_leave_others_alone"),
        ("WrongAccuracy", "the_accuracy_that_is_reported_is_that_of_its_predictions"),
    ],
)
def test_each_law_finds_its_learner(name: str, law: str) -> None:
    assert failing(audited(name, only=(law,))) == {law}


def test_a_right_accuracy_is_not_blamed() -> None:
    report = audited("RightAccuracy", only=("reported",))
    assert report.laws[0].outcome == "held"


def test_noise_that_no_seed_repeats_is_no_leak() -> None:
    report = audited("DrawsDifferently")
    assert report.audit is not None
    assert report.audit.leak == "undecided"
    assert report.verdict_of(CONTENT).outcome == "inconclusive"


def test_dropout_that_is_left_on_is_no_leak() -> None:
    report = audited("DrawsMasks")
    assert report.audit is not None
    assert report.audit.leak != "reads"
    assert "predicting_twice_gives_the_same" in failing(report)


def test_predictors_are_told_from_learners() -> None:
    sound, leaking = audited("Embeds", input_shape=None), audited("Whitens", input_shape=None)
    assert sound.audit is not None
    assert (sound.audit.kind, sound.verdict) == ("predictor", "conforms")
    assert CONTENT in failing(leaking)


@pytest.mark.parametrize(
    ("name", "claims", "verdict"),
    [
        ("Centred", "transductive", "conforms"),
        ("Nearest", "transductive", "violates"),
        ("Cumulative", "online", "conforms"),
        ("Centred", "online", "violates"),
        ("Cumulative", "inductive", "violates"),
    ],
)
def test_claims_are_two_sided(name: str, claims: str, verdict: str) -> None:
    laws = ("other_targets", "number_of_targets", "online")
    report = audited(name, claims=claims, only=laws)
    assert report.verdict == verdict


@pytest.mark.parametrize(
    ("name", "law"),
    [
        ("MeansOfMeans", "the_metric_ignores_the_batch_size"),
        ("IgnoresItsOrder", "the_order_is_obeyed"),
    ],
)
def test_evaluations_are_audited(name: str, law: str) -> None:
    report = audited(name)
    assert report.audit is not None
    assert report.audit.kind == "evaluation"
    assert law in failing(report)


def test_a_sound_evaluation_conforms() -> None:
    report = audited("CountsRight")
    assert report.verdict == "conforms"


def test_a_function_is_put_back_before_each_question() -> None:
    network = learners.Normalised()

    def one_call(support, support_labels, query):
        return network(support, support_labels, query)

    report = audited("one_call", live=one_call)
    assert report.audit is not None
    assert report.audit.leak == "reads"
    assert report.verdict_of("equal_worlds_answer_alike").outcome == "held"


def test_the_same_seed_gives_the_same_report() -> None:
    first, second = (audited("Centred", seed=4) for _ in range(2))
    assert [v.reason for v in first.laws] == [v.reason for v in second.laws]
    assert first.audit == second.audit


def test_logits_of_a_learner_that_returns_a_loss_are_captured() -> None:
    report = audited("ReturnsItsLoss", only=(CONTENT,))
    assert report.audit is not None
    assert "captured" in report.audit.how
    assert report.audit.leak == "reads"


@pytest.mark.parametrize(("name", "verdict"), [("EncodesTexts", "conforms"),
                                               ("PadsTexts", "violates")])  # fmt: skip
def test_predictors_of_texts_are_given_texts(name: str, verdict: str) -> None:
    laws = ("other_targets", "number_of_targets")
    report = audited(name, input_shape=None, only=laws)
    assert report.audit is not None
    assert "texts" in report.audit.how
    assert report.verdict == verdict


@pytest.mark.parametrize("name", ["SixPlusLabels", "TakesMany", "LabelsOptional"])
def test_what_a_learner_takes_is_found_by_trying(name: str) -> None:
    report = audited(name, input_shape=None, only=(CONTENT,))
    assert report.verdict == "conforms"


def test_a_bug_of_the_audit_is_not_the_learner_s(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr("tnverify.auditing.running.with_shots_that_work", broken)
    report = audited("Nearest")
    assert report.bug is not None
    assert "ours" in Path(report.bug).read_text(encoding="utf-8")
    Path(report.bug).unlink()
