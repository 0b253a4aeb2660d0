"""The words that a report and the command line use are in the glossary, once each."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import get_args

import pytest

from tnverify.contract.claims import Reads
from tnverify.engine.results import Outcome, Verdict

TEXT = (Path(str(files("tnverify"))) / "docs" / "glossary.md").read_text(encoding="utf-8")
ENTRIES = re.findall(r"^\| \*\*(.+?)\*\* \| (.+) \|$", TEXT, re.MULTILINE)
WORDS = [word for word, _ in ENTRIES]


def test_each_word_has_one_meaning() -> None:
    assert len(WORDS) == len(set(WORDS)) >= 40


@pytest.mark.parametrize("word", [*get_args(Outcome), *get_args(Verdict)])
def test_every_outcome_and_verdict_is_explained(word: str) -> None:
    assert word.replace("_", " ") in WORDS


@pytest.mark.parametrize("word", ["claims", "adapter", "handle", "profile", "SPEC", "program"])
def test_words_of_the_command_line_are_explained(word: str) -> None:
    assert word in WORDS


@pytest.mark.parametrize("reads", get_args(Reads))
def test_all_that_is_read_is_explained(reads: str) -> None:
    meaning = dict(ENTRIES)["reads"]
    assert {"itself": "the item itself", "targets": "targets"}.get(
        reads, reads.replace("_", " ")
    ) in meaning


@pytest.mark.parametrize(("word", "meaning"), ENTRIES, ids=WORDS)
def test_a_meaning_is_a_sentence_or_two(word: str, meaning: str) -> None:
    assert meaning.endswith(".")
    assert len(meaning) <= 120, word
