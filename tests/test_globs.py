"""Globs choose claims by their ids; one that chooses none is refused."""

import pytest

from recint.globs import listed, nearest, require_matches, selected


def test_globs_select():
    assert require_matches(["a.*", "b"], ["a.one", "b"]) == ["a.*", "b"]
    with pytest.raises(ValueError, match=r"allow='c\.\*' matches none of a\.one, b"):
        require_matches(["a.*", "c.*"], ["b", "a.one"], option="allow")
    with pytest.raises(ValueError, match=r"claims='a\.\*' matches no claim: there is none"):
        require_matches(["a.*"], [])
    assert selected("a.one", ["b", "a.*"])
    assert not selected("a.one", ["b"])
    assert selected("a.one", [])


def test_of_many_claims_the_closest_are_named():
    known = [f"l{layer}.necessary.{kind}" for layer in range(4) for kind in ("zero", "mean", "resample")]
    told = listed(known, like="l2.neccesary.zero")
    assert told.startswith("the 12 claims (closest: l2.necessary.zero, ")
    assert told.endswith("; `recint claims` lists them all)")
    assert told.count("necessary") == 3


def test_of_many_names_the_closest_are_named_in_the_order_of_likeness():
    known = [f"model-{number}" for number in range(40)]
    told = nearest(known, like="model-17", noun="checkpoints", command="recint log")
    assert told.startswith("the 40 checkpoints (closest: model-17, ")
    assert told.endswith("; `recint log` lists them all)")
    assert nearest(known[:3], like="x", noun="checkpoints", command="recint log") == "model-0, model-1, model-2"
