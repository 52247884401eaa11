"""Globs choose claims by their ids; one that chooses none is refused."""

import pytest

from recint.globs import require_matches, selected


def test_globs_select():
    assert require_matches(["a.*", "b"], ["a.one", "b"]) == ["a.*", "b"]
    with pytest.raises(ValueError, match=r"allow='c\.\*' matches none of a\.one, b"):
        require_matches(["a.*", "c.*"], ["b", "a.one"], option="allow")
    assert selected("a.one", ["b", "a.*"])
    assert not selected("a.one", ["b"])
    assert selected("a.one", [])
