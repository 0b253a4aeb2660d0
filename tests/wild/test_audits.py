"""Other people's learners and predictors, audited as a user would: what is said of them is true.

They are made in `audited`, with random weights. What each expectation stands on is its reason.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent / "audited"
CONFORMS, VIOLATES = "conforms", "violates"
READS = "what_other_targets_hold_does_not_matter"
TWICE = "predicting_twice_gives_the_same"
LONGEST = "the_longest_companion_does_not_matter"


@dataclass(frozen=True)
class Expected:
    """What an audit says: `fails` are musts that are among those that fail, none where it
    conforms. `leak` is what became of other targets."""

    spec: str
    package: str
    verdict: str
    leak: str
    reason: str
    fails: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def of(package: str, module: str) -> Any:
    def expected(name: str, verdict: str, leak: str, reason: str, **more: Any) -> Expected:
        return Expected(f"{module}:{name}", package, verdict, leak, reason, **more)

    return expected


sklearn = of("sklearn", "of_sklearn.py")
easyfsl = of("easyfsl", "of_easyfsl.py")
higher = of("higher", "of_higher.py")
processes = of("neuralprocesses", "of_neuralprocesses.py")
wav2vec2 = of("transformers", "of_transformers.py")
metalearn = of("metalearn", "of_metalearn.py")
PREDICTOR = ("--kind", "predictor")
WAVES = (*PREDICTOR, "--input-shape", "600")
IMAGES = (*PREDICTOR, "--input-shape", "1,64,64", "--targets", "5")

EXPECTED = (
    sklearn("nearest_centroid", CONFORMS, "bit_equal", "distances, row by row"),
    sklearn("neighbours", CONFORMS, "bit_equal", "votes, row by row"),
    sklearn("logistic", CONFORMS, "rounding", "one matrix product of all rows"),
    sklearn("tree", CONFORMS, "bit_equal", "comparisons, row by row"),
    sklearn("forest", CONFORMS, "bit_equal", "comparisons, row by row"),
    sklearn("bayes", CONFORMS, "bit_equal", "sums, row by row"),
    sklearn("vectors", CONFORMS, "bit_equal", "kernels, row by row"),
    sklearn(
        "discriminants", CONFORMS, "rounding", "one matrix product", options=("--shot", "3")
    ),
    easyfsl("prototypical", CONFORMS, "rounding", "distances to class means"),
    easyfsl(
        "finetune", VIOLATES, "rounding",
        "forward() goes on with the steps on self.prototypes from where the last call ended",
        fails=(TWICE,),
    ),
    easyfsl(
        "pt_map", VIOLATES, "reads",
        "it is declared transductive; forward() moves self.prototypes, and leaves them moved",
        fails=(TWICE,), options=("--claims", "transductive"),
    ),
    easyfsl(
        "prototypical_in_training_mode", VIOLATES, "reads", "batch norm takes the batch's moments",
        fails=(READS,),
    ),
    higher(
        "with_batch_norm", VIOLATES, "reads",
        "the example's own batch norm in train(), as github.com/facebookresearch/higher issue 55"
        " says", fails=(READS,),
    ),
    higher("with_group_norm", CONFORMS, "rounding", "group norm reads one item"),
    processes("conditional", CONFORMS, "rounding", "one code of the context, targets apart"),
    processes(
        "convolutional", VIOLATES, "reads",
        "the grid that it is computed on spans context and targets", fails=(READS,),
    ),
    Expected(
        "of_tabicl.py:classifier", "tabicl", CONFORMS, "rounding",
        "rows of the test table attend to those of the training table alone",
    ),
    wav2vec2(
        "with_group_norm", VIOLATES, "reads",
        "group norm over time reads padding: github.com/huggingface/transformers issue 21534",
        fails=(LONGEST,), options=WAVES,
    ),
    wav2vec2(
        "with_layer_norm", CONFORMS, "rounding", "layer norm reads one frame", options=WAVES
    ),
    metalearn(
        "AtInference", VIOLATES, "reads",
        "track_running_stats is False unless it is asked for: moments are those of the batch",
        fails=(READS,), options=IMAGES,
    ),
)  # fmt: skip


def audited(case: Expected, folder: Path) -> dict[str, Any]:
    """The report on one subject, of a process of its own as a user starts it."""
    report = folder / "report.json"
    command = ["-m", "tnverify", "audit", case.spec, "--profile", "quick", *case.options]
    ended = subprocess.run(
        [sys.executable, *command, "--json", str(report)],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.exists(), ended.stderr
    (subject,) = json.loads(report.read_text())["subjects"]
    return subject  # type: ignore[no-any-return]  # the report's schema says so


@pytest.mark.slow
@pytest.mark.parametrize("case", EXPECTED, ids=lambda case: case.spec)
def test_what_is_said_is_true(case: Expected, tmp_path: Path) -> None:
    if importlib.util.find_spec(case.package) is None:
        pytest.skip(f"{case.package} of the extra audit-tests is absent")
    subject = audited(case, tmp_path)
    musts = {
        law["name"]
        for law in subject["laws"]
        if law["outcome"] in ("violated", "broken") and law["level"] == "must"
    }
    assert set(case.fails) <= musts, case.reason
    assert subject["verdict"] == case.verdict, (case.reason, musts)
    assert subject["audit"]["leak"] == case.leak, case.reason
