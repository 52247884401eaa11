"""Every claim on one model: each has its entry, and what goes wrong with one is no other's."""

from hypothesis import given

from recint.judging import judge as judging
from recint.judging.judge import judge
from recint.judging.scan import scan
from recint.strategies import conditions

from ..made_up import StandIn, claim, constant, prop


class Ready(StandIn):
    def prepare(self, at):
        """There is no pass to make."""


MODEL = Ready(constant(0.5), noise=0.0)


def test_claims_are_settled_together_in_their_order():
    props = [prop(claim(id="a.low")), prop(claim(id="a.high", relation=">=")), prop(claim(id="a.lacking", layers=(9,)))]
    entries = judge(props, MODEL, stages=(200,))
    assert [(entry.id, entry.verdict) for entry in entries] == [
        ("a.low", "supported"),
        ("a.high", "refuted"),
        ("a.lacking", "not_applicable"),
    ]
    assert "speaks of layer 9" in entries[2].message
    assert judge(props[:1], MODEL, stages=(200,))[0].value == entries[0].value


def test_what_fails_is_an_error_of_its_claim_alone():
    made = claim(id="a.broken")

    @made(figure=lambda model, evidence: "")
    @given(at=conditions(made.domain))
    def broken(model, at):
        raise ArithmeticError("it cannot be measured")

    first, second = judge([broken.recint_property, prop(claim(id="a.good"))], MODEL, stages=(200,))
    assert (first.verdict, first.message) == ("error", "it cannot be measured")
    assert second.verdict == "supported"


def test_of_a_hurried_judgement_what_is_refuted_is_neither_scanned_nor_searched(monkeypatch):
    scanned = []
    monkeypatch.setattr(
        judging, "scan", lambda props, model, **how: scanned.append(len(props)) or scan(props, model, **how)
    )
    refuted = prop(claim(relation=">="))
    (thorough,) = judge([refuted], MODEL, stages=(200,))
    (hurried,) = judge([refuted], MODEL, stages=(200,), thorough=False)
    assert scanned == [1, 0]
    assert thorough.verdict == hurried.verdict == "refuted"
    assert thorough.search is not None
    assert hurried.search is None
