"""Estimators as scikit-learn has them, written in NumPy; scikit-learn's own are in the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tnverify.power.sound.learners.register import sound

if TYPE_CHECKING:
    from numpy.typing import NDArray


@sound()
class ScaledByTheContext:
    """Standardises by what it was fitted on, fills missing values by it too."""

    def fit(self, X: NDArray[Any], y: NDArray[Any]) -> ScaledByTheContext:  # noqa: N803 - scikit-learn's names
        self.classes_ = np.unique(y)
        self.middle_ = np.nanmedian(X, 0)
        self.scale_ = np.nanstd(X, 0) + 0.1
        rows = self._prepared(X)
        self.means_ = np.stack([rows[y == c].mean(0) for c in self.classes_])
        return self

    def _prepared(self, X: NDArray[Any]) -> NDArray[Any]:  # noqa: N803 - scikit-learn's names
        filled: NDArray[Any] = (np.where(np.isnan(X), self.middle_, X) - self.middle_) / self.scale_
        return filled

    def predict_proba(self, X: NDArray[Any]) -> NDArray[Any]:  # noqa: N803 - scikit-learn's names
        apart = np.square(self._prepared(X)[:, None] - self.means_).sum(-1)
        weights = np.exp(apart.min(1, keepdims=True) - apart)
        shares: NDArray[Any] = weights / weights.sum(1, keepdims=True)
        return shares

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:  # noqa: N803 - scikit-learn's names
        named: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(1)]
        return named


@sound()
class NamesOfClassesAlone:
    """Answers with the class alone, of the nearest context row; equal distances go to the first."""

    def fit(self, X: NDArray[Any], y: NDArray[Any]) -> NamesOfClassesAlone:  # noqa: N803 - scikit-learn's names
        self.rows_, self.of_ = X, y
        return self

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:  # noqa: N803 - scikit-learn's names
        apart = np.abs(X[:, None] - self.rows_).sum(-1)
        named: NDArray[Any] = self.of_[apart.argmin(1)]
        return named
