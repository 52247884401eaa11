"""Fields of a declaration that cannot be are refused in one sentence that names the field and its value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recint import refusals


@pytest.mark.parametrize(
    ("check", "good", "bad", "said"),
    [
        (lambda v: refusals.require_one_of("kind", v, ("a", "b")), "a", "c", "kind='c' must be one of 'a', 'b'"),
        (lambda v: refusals.require_text(why=v), "so", "  ", "why='  ' must be text that is not empty"),
        (lambda v: refusals.require_finite("bar", v), 1, True, "bar=True must be a finite number"),
        (lambda v: refusals.require_finite("bar", v), 0.5, float("nan"), "bar=nan must be a finite number"),
        (lambda v: refusals.require_whole("layers", v, least=0), (0, 2), (1, -1), r"layers=\(1, -1\) must be whole numbers from 0"),
        (lambda v: refusals.require_whole("layers", v, least=0), (), [0], r"layers=\[0\] must be a tuple of whole numbers"),
        (lambda v: refusals.require_sizes(n_ctx=v), 1, 0, "n_ctx=0 must be a whole number of at least 1"),
        (lambda v: refusals.require_sizes(n_ctx=v), 10**9, True, "n_ctx=True must be a whole number of at least 1"),
        (lambda v: refusals.require_sizes(n_ctx=v), 2, 2.0, "n_ctx=2.0 must be a whole number of at least 1"),
        (lambda v: refusals.require_domain(v, int, of=" of it"), 1, None, "domain=None of it must be a Domain$"),
        (lambda v: refusals.require_domain(v, int | None), None, "x", "domain='x' must be a Domain, or None$"),
        (lambda v: refusals.require_all("parts", v, str), ("a",), ("a", 1), r"parts=\('a', 1\) must be a tuple of str objects"),
        (lambda v: refusals.require_different("parts", v), "ab", "aa", r"parts=\['a', 'a'\] must have different names"),
        (lambda v: refusals.require_constants("with", v), (("n", 1),), (("n", None),), "with: .*must be a pair of a name and"),
        (lambda v: refusals.require_range("c", v), (0, 0), (1, 0), r"c=\(1, 0\) is empty: the lower bound must not exceed"),
        (lambda v: refusals.require_range("c", v), (0, 1), (0,), r"c=\(0,\) must be a tuple of a lower and an upper bound"),
    ],
)  # fmt: skip
def test_what_can_be_is_taken_and_what_cannot_is_refused(check, good, bad, said):
    check(good)
    with pytest.raises(ValueError, match=f"^{said}"):
        check(bad)


def test_a_property_takes_a_model_and_what_is_drawn():
    number = st.integers()

    def about_weights(model): ...

    def with_place(model, at): ...

    def with_other_names(model, place): ...

    def with_more(model, at, seed): ...

    refusals.require_property("a.b", about_weights)
    refusals.require_property("a.b", given(at=number)(with_place))
    refusals.require_property("a.b", given(number)(with_place))
    place = r"must take \(model, at\), and be decorated with @given\(at=...\)$"
    for body, said in (
        (with_place, r"a.b: with_place\(model, at\) must take \(model\)$"),
        (given(place=number)(with_other_names), rf"a.b: with_other_names\(model, place\) {place}"),
        (given(number)(with_more), rf"a.b: with_more\(model, at, seed\) {place}"),
        (given(at=number, seed=number)(with_more), place),
        (given(model=number)(with_place), place),
        (given()(with_place), place),
    ):
        with pytest.raises(ValueError, match=said):
            refusals.require_property("a.b", body)


@pytest.mark.parametrize(
    ("id", "because", "said"),
    [
        ("a b", "", "must be made of letters, digits"),
        ("procedure", "", "must be another one: the log keeps under this id how claims are judged"),
        ("a.b@1", "so", "must end with a version from 2 on after the @, or have none"),
        ("a.b@2", "", "a version from 2 on, and no other, says why it was amended"),
        ("a.b", "so", "a version from 2 on, and no other, says why it was amended"),
    ],
)
def test_an_id_is_a_name_and_from_version_2_on_says_why(id, because, said):
    refusals.require_id("a.b-c_1", because="")
    refusals.require_id("a.b@12", because="so")
    with pytest.raises(ValueError, match=said):
        refusals.require_id(id, because=because)
