"""What is computed once for whoever asks."""

import pytest

from recint.system.memo import Once


def test_each_key_is_measured_once():
    calls = []

    def measure():
        calls.append(1)
        return len(calls)

    once = Once()
    assert [once.once(("a", 1), measure), once.once(("a", 2), measure), once.once(("a", 1), measure)] == [1, 2, 1]
    assert Once().once(("a", 1), measure) == 3


def test_none_is_an_answer_and_a_failure_is_not():
    once, answers = Once(), iter([None, 1])
    with pytest.raises(ZeroDivisionError):
        once.once("a", lambda: 1 // 0)
    assert once.once("a", lambda: next(answers)) is None
    assert once.once("a", lambda: next(answers)) is None
