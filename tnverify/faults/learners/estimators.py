"""Estimators as scikit-learn has them, in NumPy, whose predictions read other rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tnverify.faults.learners.planted import planted

if TYPE_CHECKING:
    from numpy.typing import NDArray

READS = "what_other_targets_hold_does_not_matter"
COUNTS = "dropping_targets_does_not_matter"
FRESH = "other_predictions_in_between_do_not_matter"
TASKS = "another_task_in_between_does_not_matter"
MISSING = "values_missing_in_a_target_are_its_own"
RENAMED = "renaming_classes_moves_the_columns"


class NearestMeans:
    """Nearest class means; a defect is planted by what a subclass does otherwise."""

    def fit(self, X: NDArray[Any], y: NDArray[Any]) -> NearestMeans:  # noqa: N803 - scikit-learn's names
        self.classes_ = np.unique(y)
        self.means_ = np.stack([X[y == c].mean(0) for c in self.classes_])
        return self

    def prepared(self, X: NDArray[Any]) -> NDArray[Any]:  # noqa: N803 - scikit-learn's names
        """The rows as they are compared with class means."""
        return X

    def predict_proba(self, X: NDArray[Any]) -> NDArray[Any]:  # noqa: N803 - scikit-learn's names
        apart = np.square(self.prepared(X)[:, None] - self.means_).sum(-1)
        weights = np.exp(-apart + apart.min(1, keepdims=True))
        shares: NDArray[Any] = weights / weights.sum(1, keepdims=True)
        return shares

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:  # noqa: N803 - scikit-learn's names
        chosen: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(1)]
        return chosen


@planted(
    kills=READS,
    source="github.com/scikit-learn/scikit-learn pull 18426: a scaler fitted on what is predicted",
)
class ScaledByTheRowsToPredict(NearestMeans):
    """Scales rows by the deviation of the rows that are to be predicted."""

    def prepared(self, X: NDArray[Any]) -> NDArray[Any]:  # noqa: N803 - scikit-learn's names
        scaled: NDArray[Any] = X / (X.std(0) + 0.1)
        return scaled


@planted(
    kills=MISSING,
    hard=True,
    source="an imputer fitted on what is predicted; nothing shows without a missing value",
)
class ImputedFromTheRowsToPredict(NearestMeans):
    """Fills missing values with the column's median over the rows that are to be predicted."""

    def prepared(self, X: NDArray[Any]) -> NDArray[Any]:  # noqa: N803 - scikit-learn's names
        known = ~np.isnan(X)
        column = [np.median(X[k, j]) if k.any() else 0.0 for j, k in enumerate(known.T)]
        return np.where(known, X, np.array(column, X.dtype))


@planted(
    kills=READS,
    hard=True,
    source="QuantileTransformer's fit_transform at test: ranks move only where rows cross",
)
class RankedAmongRows(NearestMeans):
    """Adds to the first column a row's rank among the rows that are to be predicted."""

    def prepared(self, X: NDArray[Any]) -> NDArray[Any]:  # noqa: N803 - scikit-learn's names
        changed = X.copy()
        changed[:, 0] += 0.1 * X[:, 0].argsort(kind="stable").argsort(kind="stable") / len(X)
        return changed


@planted(
    kills=(READS, COUNTS),
    source="github.com/scikit-learn-contrib/hiclass issue 159: probabilities of a sample depend on"
    " the others",
)
class NormalisedOverSamples(NearestMeans):
    """Divides probabilities by the column's largest over all rows."""

    def predict_proba(self, X: NDArray[Any]) -> NDArray[Any]:  # noqa: N803 - scikit-learn's names
        shares = super().predict_proba(X)
        shares = shares / shares.max(0)
        again: NDArray[Any] = shares / shares.sum(1, keepdims=True)
        return again


@planted(
    kills=(FRESH, TASKS),
    hard=True,
    source="partial_fit on confident answers, after they were given",
)
class LearnsFromItsAnswers(NearestMeans):
    """Moves class means towards the rows that it has answered."""

    def predict_proba(self, X: NDArray[Any]) -> NDArray[Any]:  # noqa: N803 - scikit-learn's names
        shares = super().predict_proba(X)
        for row, c in zip(X, shares.argmax(1), strict=True):
            self.means_[c] = 0.95 * self.means_[c] + 0.05 * row
        return shares


@planted(
    kills=READS,
    source="a threshold at the median of the scores: half of all rows are positive",
)
class HalfOfAllRowsArePositive(NearestMeans):
    """Shifts the first class's score by its median over all rows."""

    def predict_proba(self, X: NDArray[Any]) -> NDArray[Any]:  # noqa: N803 - scikit-learn's names
        shares = super().predict_proba(X)
        shares[:, 0] -= np.median(shares[:, 0])
        return shares


@planted(
    kills=COUNTS,
    hard=True,
    source="a kernel that is replaced by a sketch of the rows from 12 of them on",
)
class SketchedFromTwelveRows(NearestMeans):
    """From 12 rows on, scores are smoothed over the rows."""

    def predict_proba(self, X: NDArray[Any]) -> NDArray[Any]:  # noqa: N803 - scikit-learn's names
        shares = super().predict_proba(X)
        if len(X) < 12:
            return shares
        smoothed: NDArray[Any] = 0.99 * shares + 0.01 * shares.mean(0)
        return smoothed


@planted(
    kills=TASKS,
    hard=True,
    source="an encoder of labels that is fitted once and kept",
)
class DeviationsOfTheFirstTask(NearestMeans):
    """Keeps the scale of the first context that it was fitted on."""

    def fit(self, X: NDArray[Any], y: NDArray[Any]) -> NearestMeans:  # noqa: N803 - scikit-learn's names
        if not hasattr(self, "scale_"):
            self.scale_ = X.std(0) + 0.1
        super().fit(X / self.scale_, y)
        return self

    def prepared(self, X: NDArray[Any]) -> NDArray[Any]:  # noqa: N803 - scikit-learn's names
        scaled: NDArray[Any] = X / self.scale_
        return scaled


@planted(
    kills=READS,
    hard=True,
    source="rows that are already in the training table are looked up; rows alike in a batch too",
)
class NearestRowOfTheBatchToo(NearestMeans):
    """A row within a tenth of another row takes that row's values."""

    def prepared(self, X: NDArray[Any]) -> NDArray[Any]:  # noqa: N803 - scikit-learn's names
        apart = np.abs(X[:, None] - X).max(-1)
        chosen: NDArray[Any] = X[(apart < 0.1).argmax(1)]
        return chosen
