"""One trained run, from its configuration to what is recorded of it."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tnverify.analyses.sweep import Trained

from .board import open_board
from .building import built
from .checkpoint import Checkpoints, Progress
from .learned import alphas
from .loop import MetaTraining
from .process import device_of, steady
from .settings import read_settings
from .sources import check_fingerprints, own_data, test_tasks, training_tasks, validation_tasks
from .testing import COLUMNS, tested, validated

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from tnverify.analyses.sweep import Workplace

    from .board import Board, NoBoard
    from .building import Built
    from .settings import Settings, Training

CHECKPOINT_EVERY = 20.0
"""Seconds between checkpoints, which are also written after each validation and each test cell."""


def train_one(
    configuration: Mapping[str, Any], workplace: Workplace, *, logs: Path | str | None = None
) -> Trained:
    """Trains a learner, validates it as it learns, tests it; goes on from a checkpoint.

    The configuration is plain JSON, in which null is as good as missing:

    - `learner`: "protonets", "maml", "cnaps", or "pixels", which is not trained;
    - `scheme`: one of `tnverify schemes`, or "baseline" for cnaps; `alpha`: "functional" or
      "free", for TaskNorms, by itself "free" where the shots are fixed; `per_channel`;
    - `seed`; `data`: as for `load_data`; `fingerprints`: of the data, which `planned` adds;
      `side`, `channels`: of its images; `device`;
    - `network`: `kind` "conv4" or "resnet18", `width`, `reduce` "pool" or "stride" (conv4);
    - `train`: `way`, `shot`, `targets` of each class, or `variable`: true, or an object with
      `fewest_ways`, `most_ways`, `targets`, `context`, `context_per_class`; `style` "none",
      "task", "set" or "image", or an object with `shared` and `strength`; `iterations`,
      `meta_batch`, `rate`, `decay` "none" or "cosine", `clip`; for MAML `order`, `steps`,
      `inner_rate`; `launch` "stack" or "loop" for tasks of a meta-batch, by itself "stack" where
      it can be;
    - `pretrain`: `iterations`, `batch`, `rate` of CNAPs' backbone;
    - `validate`: `every` so many iterations, `tasks`, `select` "last" or "best";
    - `test`: a list of cells, each `configuration` (its name), `data` (that of training,
      "digits", "textures" or another), `dataset` (where the data are several), tasks as in
      `train`, `imbalance`, `corruption` (`share`, `kind`), `tasks`, `batchings`.

    Test tasks depend on their cell alone, and so are those of every scheme and seed. On one
    machine the same configuration gives the same bits, also when the run was killed and went on
    from its checkpoint; times are all that differs.

    With `logs`, a folder, loss and validation accuracy go there for TensorBoard, under the name
    of learner, scheme, seed and run.

    Raises ValueError, of one line, for a wrong configuration, and DataError for unusable data.
    """
    settings = read_settings(configuration)
    device = device_of(settings.device)
    with steady():
        return _Run(settings, device, workplace, None if logs is None else Path(logs)).finished()


class _Run:
    def __init__(
        self,
        settings: Settings,
        device: torch.device,
        workplace: Workplace,
        logs: Path | None,
    ) -> None:
        self.settings, self.device, self.workplace, self.logs = settings, device, workplace, logs
        check_fingerprints(settings)
        # Made first, so that data which cannot serve are told before anything is trained.
        self.cells = [(cell, test_tasks(settings, cell)) for cell in settings.test]
        self.checkpoints = Checkpoints(workplace.folder, CHECKPOINT_EVERY)
        self.share = _Share(settings)

    def finished(self) -> Trained:
        self.progress = self.checkpoints.read(self.device) or Progress()
        with contextlib.closing(self._opened_board()) as self.board:
            return self._carried_out()

    def _opened_board(self) -> Board | NoBoard:
        name = _named(self.settings, self.workplace.folder.name)
        folder = None if self.logs is None else self.logs / name
        return open_board(folder, self.progress.iteration + 1)

    def _carried_out(self) -> Trained:
        learner = built(self.settings, self.device, self._tell_pretraining)
        if self.settings.train is not None:
            self._train(learner, self.settings.train)
        learner.eval()
        self._test(learner)
        return _recorded(self.settings, learner, self.progress)

    def _train(self, learner: Built, training: Training) -> None:
        progress, settings = self.progress, self.settings
        tasks = training_tasks(settings, training)
        meta = MetaTraining(learner, training, tasks, self.device, scheme=settings.scheme)
        if progress.learner:
            learner.load_state_dict(progress.learner)
            meta.optimizer.load_state_dict(progress.optimizer)
        learner.train()
        while progress.iteration < training.iterations:
            step = meta.step(progress.iteration)
            progress.iteration += 1
            progress.seconds += step.seconds
            progress.seconds_of_data += step.seconds_of_data
            progress.losses.append(float(step.loss))
            self.board.add("loss", progress.losses[-1], progress.iteration)
            validates = settings.validate.every and not (
                progress.iteration % settings.validate.every
                and progress.iteration < training.iterations
            )
            if validates:
                self._validate(learner, training)
            if validates or self.checkpoints.due():
                self._keep(learner, meta)
            self.workplace.tell(self.share.trained(progress.iteration), self.share.total)
        self._keep(learner, meta)
        if progress.best is not None:
            learner.load_state_dict(progress.best)

    def _validate(self, learner: Built, training: Training) -> None:
        progress, validate = self.progress, self.settings.validate
        learner.eval()
        tasks = validation_tasks(self.settings, training)
        found = validated(learner, tasks, validate.tasks, self.device)
        learner.train()
        row = (progress.iteration, progress.seconds, found)
        for column, value in zip(progress.validation.values(), row, strict=True):
            column.append(value)
        self.board.add("validation accuracy", found, progress.iteration)
        if validate.select == "best" and found > progress.best_accuracy:
            progress.best_accuracy = found
            state = learner.state_dict()
            progress.best = {name: value.clone() for name, value in state.items()}

    def _keep(self, learner: Built, meta: MetaTraining) -> None:
        self.progress.learner = learner.state_dict()
        self.progress.optimizer = meta.optimizer.state_dict()
        self.checkpoints.write(self.progress)

    def _test(self, learner: Built) -> None:
        for number, (cell, tasks) in enumerate(self.cells):
            if cell.name in self.progress.tested:
                continue

            def tell(done: int, number: int = number) -> None:
                self.workplace.tell(self.share.tested(number, done), self.share.total)

            self.progress.tested[cell.name] = tested(learner, cell, tasks, self.device, tell)
            self.checkpoints.write(self.progress)

    def _tell_pretraining(self, done: int) -> None:
        self.workplace.tell(self.share.pretrained(done), self.share.total)


def _named(settings: Settings, run: str) -> str:
    """What logs are called; a record's name is a hash, of which the beginning tells runs apart."""
    return f"{settings.learner}-{settings.scheme}-seed{settings.seed}-{run[:12]}"


class _Share:
    """How much of a run is done, in passes over the images of a task, roughly."""

    def __init__(self, settings: Settings) -> None:
        pretrains = settings.learner == "cnaps"
        self._pretraining = settings.pretrain.iterations * 3.0 if pretrains else 0.0
        self._iteration = 0.0
        iterations = 0
        if settings.train is not None:
            iterations = settings.train.iterations
            self._iteration = settings.train.meta_batch * 3.0
            if settings.validate.every:
                self._iteration += settings.validate.tasks / settings.validate.every
        self._training = iterations * self._iteration
        self._task = [0.5 + 0.5 * len(cell.batchings) for cell in settings.test]
        self._cells = [
            cell.tasks * each for cell, each in zip(settings.test, self._task, strict=True)
        ]
        self.total = self._pretraining + self._training + sum(self._cells)

    def pretrained(self, iterations: int) -> float:
        return iterations * 3.0

    def trained(self, iterations: int) -> float:
        return self._pretraining + iterations * self._iteration

    def tested(self, cell: int, tasks: int) -> float:
        before = self._pretraining + self._training + sum(self._cells[:cell])
        return before + tasks * self._task[cell]


def _recorded(settings: Settings, learner: Built, progress: Progress) -> Trained:
    """See the package's docstring for the names."""
    losses = np.array(progress.losses, dtype=np.float64)
    iterations = progress.iteration
    final = float(losses[-max(1, iterations // 20) :].mean()) if iterations else math.nan
    results = {
        "seconds": progress.seconds,
        "seconds_per_iteration": progress.seconds / iterations if iterations else None,
        "seconds_of_data": progress.seconds_of_data,
        "parameters": sum(parameter.numel() for parameter in learner.trained()),
        "final_loss": final if math.isfinite(final) else None,
        "iterations": iterations,
        "iterations_not_finite": int((~np.isfinite(losses)).sum()),
        "data": {each.name: each.fingerprint for each in own_data(settings)},
    }
    arrays: dict[str, Any] = {}
    if settings.test:
        rows = [progress.tested[cell.name] for cell in settings.test]
        arrays |= {f"tasks/{c}": np.concatenate([np.asarray(r[c]) for r in rows]) for c in COLUMNS}
    if iterations:
        arrays |= {"training/iteration": np.arange(1, iterations + 1), "training/loss": losses}
    if progress.validation["iteration"]:
        arrays |= {f"validation/{name}": np.array(v) for name, v in progress.validation.items()}
    arrays |= {f"learned/{name}": np.asarray(column) for name, column in alphas(learner).items()}
    return Trained(results, arrays)
