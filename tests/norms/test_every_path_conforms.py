"""The laws hold on every path that the CPU has, though tasks are small and take but one of them."""

from __future__ import annotations

import pytest
import trials
from replaying import replay

from tnverify.catalogue import load_catalogue
from tnverify.norms import BY_SCHEME
from tnverify.norms.kernels import between, cpu, dispatch, fused, plain, small

TASKS = 4


def by_kernels(monkeypatch) -> None:
    """As sets of more values come, where there is a compiler."""
    monkeypatch.setattr(small, "FEW", 0)


def few(monkeypatch) -> None:
    monkeypatch.setattr(fused, "takes", lambda x: False)


def centred(monkeypatch) -> None:
    few(monkeypatch)
    monkeypatch.setattr(small, "FEW", 0)


def near(monkeypatch) -> None:
    few(monkeypatch)
    monkeypatch.setattr(small, "FEW", 0)
    monkeypatch.setattr(between, "SMALL", 0)


def plainly(monkeypatch) -> None:
    few(monkeypatch)
    monkeypatch.setattr(small, "FEW", 0)
    monkeypatch.setattr(dispatch, "_plainly", lambda x: True)


PATHS = (by_kernels, few, centred, near, plainly)
SCHEMES = ("batch_renorm", "group_norm", "meta_bn", "tasknorm_i", "tasknorm_l", "tasknorm_r")
EVERY = [
    (scheme, PATHS[(number + first) % len(PATHS)])
    for first in range(len(PATHS))
    for number, scheme in enumerate(SCHEMES)
]
"""Every scheme on one path first, and every path by a scheme or two."""


@pytest.mark.parametrize(
    ("scheme", "path"),
    [*EVERY[: len(SCHEMES)],
     *(pytest.param(*pair, marks=pytest.mark.slow) for pair in EVERY[len(SCHEMES) :])],
)  # fmt: skip
def test_every_path_keeps_the_laws(scheme, path, monkeypatch) -> None:
    path(monkeypatch)
    subject = trials.subject_of(BY_SCHEME[scheme], scheme)
    laws = [law for law in load_catalogue() if not law.thorough_only]
    broken = [
        f"{record.law.name}: {record.failure[2].reason}"
        for record in replay(subject, laws, tasks=TASKS)
        if record.failure is not None and record.law.level == "must"
    ]
    assert broken == []


def test_the_paths_are_taken(monkeypatch) -> None:
    taken = []
    for path in (small, cpu, plain):
        monkeypatch.setattr(
            path,
            "normalize",
            lambda *a, of=path, real=path.normalize: (taken.append(of), real(*a))[1],
        )
    for path in (few, centred, plainly):
        path(monkeypatch)
        replay(trials.subject_of(BY_SCHEME["meta_bn"], "meta_bn"), [the_law_of_errors()], tasks=1)
    assert set(taken) == {small, cpu, plain}


def the_law_of_errors():
    return next(law for law in load_catalogue() if law.name == "error_stays_within_the_bound")
