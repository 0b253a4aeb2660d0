"""No law may blame a sound layer, however it is formulated."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from makeshift import devices_built_on
from samples import each as sampled

from tnverify.contract import parse_claims
from tnverify.engine.profiles import PROFILES, Profile
from tnverify.faults import faults_of
from tnverify.power import alarms
from tnverify.power.alarms import Candidate, candidates, study, study_one
from tnverify.power.sound import all_sound, sound
from tnverify.subjects import SubjectRecipe, resolve

KIND: alarms.Kind = "other formulations"
FEW = Profile("few", tasks=4, corpus=5, native_every=3)
MEASURABLE = ("meta_bn", "tasknorm_i", "tasknorm_l", "instance_norm", "layer_norm", "reptile_norm",
              "tasknorm_i,unbiased")  # fmt: skip
CANDIDATES = [each for each in candidates() if not each.compiled]
SOUND = [each for each in all_sound() if not each.compiled]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROFILES, "few", FEW)
    monkeypatch.setattr(alarms, "HALF_TASKS", 1)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    "candidate",
    sampled([each for each in CANDIDATES if not each.shows], 8),
    ids=lambda each: each.name,
)
def test_a_sound_layer_raises_no_alarm(candidate: Candidate) -> None:
    found = study_one(candidate, "few", 5)
    # A law may have nothing to say on so few tasks; that is no blame.
    silent = [each.reason.startswith("no task counted: ") for each in found.alarms]
    assert all(silent), found.alarms
    assert len(silent) <= 1
    assert found.verdict == "conforms"
    assert {"float64", "float32"} <= set(found.checked)


def test_the_study_has_layers_enough_and_of_every_kind() -> None:
    layers = all_sound()
    assert len(layers) >= 15
    assert any(each.compiled for each in layers)
    schemes = {parse_claims(each.claims).scheme.name for each in layers}
    assert {"meta_bn", "tasknorm_i", "tasknorm_l", "tasknorm_r", "instance_norm", "layer_norm",
            "group_norm", "reptile_norm", "conventional_bn", "batch_renorm", "transductive_bn",
            "none", "inductive"} <= schemes  # fmt: skip
    adapters = {each.adapter for each in layers}
    assert {"frozen", "no_context", None} <= adapters


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    "layer", sampled([s for s in SOUND if s.shows], 4), ids=lambda each: each.name
)
def test_what_a_sound_layer_is_known_to_show_is_shown(layer: alarms.Candidate) -> None:
    """And nothing else is said against it; what shows on some tasks may need another seed's."""
    known = next(each for each in CANDIDATES if each.name == layer.name)
    shown: set[str] = set()
    for seed in (5, 6):
        found = study_one(replace(known, shows=()), "few", seed)
        assert found.verdict == "conforms"
        assert {"float64", "float32"} <= set(found.checked)
        said = [a for a in found.alarms if not a.reason.startswith("no task counted: ")]
        assert {alarm.law for alarm in said} <= set(layer.shows)
        shown |= {alarm.law for alarm in said if alarm.level == "should"}
        if shown >= set(layer.shows):
            break
    assert shown == set(layer.shows)


@pytest.mark.parametrize(
    "layer", sampled([s for s in SOUND if s.claims in MEASURABLE], 2), ids=lambda each: each.name
)
def test_what_a_sound_layer_is_can_be_measured(layer: Candidate) -> None:
    found = resolve(SubjectRecipe(layer.spec, adapter=layer.adapter))
    assert str(found.subject.claims) == layer.claims


@pytest.mark.usefixtures("few")
def test_a_layer_that_is_not_sound_raises_alarms() -> None:
    fault = faults_of("transductivity")[0]
    spec = f"{fault.factory.__module__}:{fault.name}"
    found = study_one(
        Candidate(fault.name, SubjectRecipe(spec, fault.claims, fault.adapter), KIND), "few", 0
    )
    assert found.verdict == "violates"
    assert found.false_alarms
    assert {"bfloat16", "float16", "float64"} & {alarm.lane for alarm in found.alarms}


@pytest.mark.usefixtures("few")
def test_layers_are_studied_on_the_device_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """No machine has a second device for sure: what is built for one is built beside it."""
    candidate = CANDIDATES[0]
    assert alarms._subject(candidate, "cpu:0").device == torch.device("cpu:0")
    devices = devices_built_on(monkeypatch)
    (found,) = study([candidate], FEW, [5], device="cpu:0")
    assert {"float64", "float32", "bfloat16", "float16"} <= set(found.checked)
    assert devices == {"cpu:0"}


@pytest.mark.usefixtures("few")
def test_a_law_that_decides_nothing_is_counted_apart() -> None:
    """Four tasks hold no large one, on which alone this law would have something to say."""
    spec = "tnverify.power.sound.functional:NoModule"
    found = study_one(Candidate("NoModule", SubjectRecipe(spec, "meta_bn"), KIND), "few", 5)
    undecided = replace(
        found, alarms=(alarms.Alarm("law", "must", "inconclusive", "both", "no task counted"),)
    )
    assert (undecided.false_alarms, undecided.inconclusive) == (0, 1)


@pytest.mark.usefixtures("few")
def test_a_layer_meets_no_more_seeds_than_it_is_bound_to(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(alarms, "study_one", lambda c, _, seed, on: asked.append((c.name, seed)))
    plain = Candidate("plain", SubjectRecipe("a:B"), KIND)
    list(study([plain, replace(plain, name="bound", most_seeds=3)], FEW, range(5)))
    assert [seed for name, seed in asked if name == "plain"] == [0, 1, 2, 3, 4]
    assert [seed for name, seed in asked if name == "bound"] == [0, 1, 2]
    assert asked[:3] == [("plain", 0), ("bound", 0), ("plain", 1)]
    bounds = {each.most_seeds for each in candidates() if each.compiled}
    assert bounds == {alarms.COMPILED_SEEDS}


def test_a_sound_layer_must_tell_its_formulation() -> None:
    with pytest.raises(TypeError, match="no docstring"):

        @sound("meta_bn")
        class Silent:
            pass
