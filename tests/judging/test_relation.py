"""A value and its threshold."""

from recint.judging.relation import holds


def test_relations():
    assert holds(1, ">=", 1)
    assert holds(1, "<=", 1)
    assert not holds(0.9, ">=", 1)
    assert not holds(float("nan"), "<=", 1)
