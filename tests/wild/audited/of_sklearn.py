"""Classifiers of scikit-learn."""

from __future__ import annotations

from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelPropagation
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier


def nearest_centroid() -> NearestCentroid:
    return NearestCentroid()


def neighbours() -> KNeighborsClassifier:
    return KNeighborsClassifier(3)


def logistic() -> LogisticRegression:
    return LogisticRegression()


def scaled() -> Pipeline:
    return make_pipeline(SimpleImputer(), StandardScaler(), PCA(2), LogisticRegression())


def tree() -> DecisionTreeClassifier:
    return DecisionTreeClassifier(random_state=0)


def forest() -> RandomForestClassifier:
    return RandomForestClassifier(10, random_state=0)


def bayes() -> GaussianNB:
    return GaussianNB()


def vectors() -> SVC:
    return SVC()


def discriminants() -> LinearDiscriminantAnalysis:
    return LinearDiscriminantAnalysis()


def propagation() -> LabelPropagation:
    return LabelPropagation()
