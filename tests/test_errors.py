from __future__ import annotations

import pytest

from idf.errors import EXIT_INTERRUPTED, EXIT_USER_ERROR, DataError, did_you_mean, nearest, run_main


def test_suggestions() -> None:
    assert did_you_mean("smal", ["small", "large"]) == "; did you mean small?"
    assert did_you_mean("xyz", ["small", "large"]) == "; there are small, large"
    assert did_you_mean("xyz", ["small", "large"], otherwise="; see the list") == "; see the list"
    assert did_you_mean("xyz", []) == "; there are none"
    assert nearest("smal", ["large", "small", "smaller", "smell"]) == ["small", "smaller"]


def test_what_a_program_returns(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main(lambda: None) == 0
    assert run_main(lambda: 3) == 3

    def fail() -> int:
        raise DataError("a.wav is empty")

    assert run_main(fail) == EXIT_USER_ERROR
    assert capsys.readouterr().err == "error: a.wav is empty\n"


def test_an_interrupt_that_a_library_turned_into_an_error_is_an_interrupt(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> int:
        try:
            try:
                raise KeyboardInterrupt
            finally:
                _ = {}["half done"]
        except KeyError as error:
            raise DataError("does not fit") from error

    assert run_main(interrupted) == EXIT_INTERRUPTED
    assert capsys.readouterr().err == "interrupted\n"
