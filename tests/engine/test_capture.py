"""What a layer prints is counted, its first line kept, and nothing of it shown."""

from __future__ import annotations

import logging
import sys
import warnings

import pytest

from tnverify.engine.capture import captured_output


def test_the_first_line_is_kept_and_the_others_are_counted(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with captured_output() as captured:
        print()
        print("  hello from the layer\nand more")
        print("an error", file=sys.stderr)
        print("and more")
    assert (captured.lines, captured.first) == (5, "hello from the layer")
    assert captured.note == (
        "printed 5 lines, which are not shown; the first: 'hello from the layer'"
    )
    assert capfd.readouterr() == ("", "")


def test_a_long_first_line_is_cut() -> None:
    with captured_output() as captured:
        print("0123456789" * 9)
    assert captured.first == "0123456789" * 8


def test_of_a_layer_that_prints_nothing_nothing_is_said() -> None:
    with captured_output() as captured:
        pass
    assert captured.note is None


def test_a_layer_may_write_as_to_any_file() -> None:
    """As loggers and progress bars do: they ask first, and want to know how much was written."""
    with captured_output():
        assert sys.stdout.writable()
        assert sys.stderr.write("four") == 4


def test_warnings_of_a_layer_are_silenced_and_those_after_it_are_not() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with captured_output() as captured:
            warnings.warn("from the layer", stacklevel=1)
        assert captured.note is None
        with pytest.raises(UserWarning, match="not from the layer"):
            warnings.warn("not from the layer", stacklevel=1)


def test_logs_of_a_layer_are_silenced_and_those_after_it_are_not() -> None:
    """torch logs what it recompiles, by a handler that holds the terminal itself."""
    told: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("a.layer")
    logger.addHandler(handler)
    try:
        with captured_output():
            logger.critical("from the layer")
            with captured_output():
                pass
            logger.critical("from the layer still")
        logger.error("not from the layer")
    finally:
        logger.removeHandler(handler)
    assert told == ["not from the layer"]


def test_what_the_user_has_silenced_stays_silent() -> None:
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with captured_output():
            pass
        assert logging.root.manager.disable == logging.WARNING
    finally:
        logging.disable(before)
