"""Generators that depend on a key, a stream and a number alone."""

from __future__ import annotations

from tnverify.analyses.tasks.keys import Stream, generator, key_of


def test_streams_numbers_and_keys_are_apart() -> None:
    drawn = [
        tuple(generator(key, stream, number).random(3).tolist())
        for key in (1, 2, 1 << 127)
        for stream in Stream
        for number in (0, 1, 10**12)
    ]
    assert len(set(drawn)) == len(drawn)
    assert drawn[0] == tuple(generator(1, Stream.CONTENT, 0).random(3).tolist())


def test_a_long_draw_does_not_reach_the_next_number() -> None:
    long = generator(7, Stream.NOISE, 0).random(100_000)
    start = generator(7, Stream.NOISE, 1).random(1)[0]
    assert start not in long


def test_keys_tell_values_apart() -> None:
    assert key_of(1, "a") == key_of(1, "a")
    assert len({key_of(1, "a"), key_of("1", "a"), key_of(1, ["a"]), key_of([1, "a"])}) == 4
    assert 0 <= key_of(1) < 1 << 128
