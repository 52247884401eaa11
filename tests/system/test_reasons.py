"""What went wrong, in one line."""

from recint.system import reasons


def test_an_exception_is_told_in_one_line_and_a_single_word_with_its_class():
    assert reasons.of(ValueError("it is\n  too long")) == "it is too long"
    assert reasons.of(KeyError("ci")) == "KeyError: 'ci'"
    assert reasons.of(AssertionError()) == "AssertionError"
    assert reasons.of(ExceptionGroup("two", [ValueError("one thing"), KeyError(1)])) == "one thing; KeyError: 1"


def test_a_traceback_ends_with_what_it_is_about():
    assert reasons.of_traceback("claims.py:3: in test\nE   recint.claim.Refuted: it = 0.1\n\n") == "it = 0.1"
    assert reasons.of_traceback("  \n") == "no evidence and no error was reported"


def test_nothing_moves_the_cursor():
    assert reasons.printable("a\x1b[2J\n✓") == "a\\x1b[2J\\x0a✓"
