"""What differs between two nested values, by path."""

from recint.record.differences import differences


def test_what_differs_is_told_by_its_path_and_what_is_alike_is_not():
    before = {"id": "a", "domain": {"c": [0, 1], "length": [5, 14]}, "contrasts": [{"threshold": 1}, {"threshold": 2}]}
    now = {"id": "a", "domain": {"c": [0, 2], "length": [5, 14]}, "contrasts": [{"threshold": 1}, {"threshold": 3}]}
    assert differences(before, now) == {"domain.c": ([0, 1], [0, 2]), "contrasts.1.threshold": (2, 3)}
    assert differences(before, before) == {}


def test_what_one_of_them_lacks_is_none_there():
    assert differences({"a": 1}, {"b": {"c": 2}}) == {"a": (1, None), "b.c": (None, 2)}
