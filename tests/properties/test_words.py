"""Every law says in a sentence why it matters, and in another what to change."""

from __future__ import annotations

from tnverify.properties import LAWS


def test_every_law_says_why_it_matters_and_what_to_change() -> None:
    missing = [law.name for law in LAWS if not (law.why and law.remedy)]
    assert missing == []


def test_the_words_of_a_law_are_a_sentence_each() -> None:
    for law in LAWS:
        for text in (law.why, law.remedy):
            assert text.endswith("."), law.name
            assert text[0].isupper() or text[0] == "`", law.name
            assert len(text) <= 160, law.name
            assert "\n" not in text, law.name
