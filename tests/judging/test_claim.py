"""A claim that cannot be is refused when it is declared, in one sentence; and what its hash covers."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given

from recint.claim import Contrast, Refuted
from recint.domain import Condition, Domain
from recint.judging.evaluate import evaluate
from recint.strategies import conditions

from ..made_up import WORSE, claim, constant, model


def test_outside_a_run_a_check_raises_one_sentence():
    with pytest.raises(Refuted, match=r"test.claim: statistic = 2, but should be <= 1 \[weights\]"):
        claim(quantifier="weights").check(2.0)


def test_a_property_must_check_exactly_once():
    made = claim(quantifier="weights")

    @made(figure=lambda model, evidence: "")
    def test(model):
        pass

    with pytest.raises(RuntimeError, match="called check 0 times, but must do so once"):
        evaluate(test.recint_property, model(constant(0.0)))


@pytest.mark.parametrize(
    "moved",
    [
        {"id": "x@2", "because": "a reason"},
        {"statement": "x"},
        {"threshold": 2.0},
        {"relation": ">="},
        {"domain": Domain(c=(-1.0, 1.0))},
        {"reduction": "majority of heads"},
        {"layers": (1,)},
        {"heads": (0,)},
        {"mse_ratio": True},
        {"contrasts": (WORSE,)},
    ],
)
def test_moving_the_goalposts_changes_the_hash(moved):
    assert claim(**moved).hash != claim().hash == claim().hash


class TestVersions:
    FIRST = claim()

    def test_an_amended_claim_is_the_next_version_and_the_first_stays(self):
        second = self.FIRST.amended(because="a look at c = 0", threshold=2.0)
        third = second.amended(because="another look", threshold=3.0)
        assert [one.id for one in (self.FIRST, second, third)] == ["test.claim", "test.claim@2", "test.claim@3"]
        assert [one.version for one in (self.FIRST, second, third)] == [1, 2, 3]
        assert {one.name for one in (self.FIRST, second, third)} == {"test.claim"}
        assert len({one.hash for one in (self.FIRST, second, third)}) == 3
        assert (second.because, second.threshold, second.domain) == ("a look at c = 0", 2.0, self.FIRST.domain)

    def test_the_source_and_the_reason_move_no_hash(self):
        assert replace(self.FIRST, source="elsewhere").hash == self.FIRST.hash
        second = self.FIRST.amended(because="a look", threshold=2.0)
        assert replace(second, because="put better").hash == second.hash

    @pytest.mark.parametrize("id_", ["test.claim@1", "test.claim@", "test.claim@two", "test.claim@0"])
    def test_a_version_in_an_id_is_a_number_from_two_on(self, id_):
        with pytest.raises(ValueError, match=f"id='{id_}' must end with a version from 2 on"):
            claim(id=id_)

    def test_a_version_without_a_reason_and_a_reason_without_a_version_are_refused(self):
        with pytest.raises(ValueError, match="a version from 2 on, and no other, says why it was amended"):
            claim(id="test.claim@2")
        with pytest.raises(ValueError, match="a version from 2 on, and no other, says why it was amended"):
            claim(because="a look")


@dataclass(frozen=True)
class Others:
    """A domain of another subject."""

    def reference(self, config, *, batch, seed): ...

    def words(self): ...

    def conditions(self, config, *, batch, seed): ...


OTHERS = Others()
ELSEWHERE = Contrast(name="elsewhere", statistic="s", relation=">=", threshold=0.0, domain=Domain(c=(0.0, 1.0)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"reduction": "majority"}, r"reduction='majority' must be one of 'mean', 'majority of heads', "),
        (
            {"quantifier": "always"},
            r"quantifier='always' must be one of 'average', 'everywhere', 'pointwise', 'weights'",
        ),
        ({"relation": ">"}, r"relation='>' must be one of '>=', '<='"),
        ({"threshold": float("nan")}, r"threshold=nan must be a finite number"),
        ({"threshold": float("inf")}, r"threshold=inf must be a finite number"),
        ({"threshold": "0.5"}, r"threshold='0.5' must be a finite number"),
        ({"threshold": True}, r"threshold=True must be a finite number"),
        ({"layers": (-1,)}, r"layers=\(-1,\) must be whole numbers from 0 on"),
        ({"heads": (0.5,)}, r"heads=\(0.5,\) must be whole numbers from 0 on"),
        ({"orders": (0,)}, r"orders=\(0,\) must be whole numbers from 1 on"),
        ({"domain": (-2, 2)}, r"domain=\(-2, 2\) must be a Domain"),
        (
            {"contrasts": (replace(ELSEWHERE, domain=OTHERS),)},
            r"domain=Others\(\) of the contrast 'elsewhere' must be a Domain, or None",
        ),
        ({"contrasts": (WORSE, WORSE)}, r"contrasts=\['worse', 'worse'\] must have different names"),
        ({"id": "a.b|c"}, r"id='a.b\|c' must be made of letters, digits, '-' and '_', in parts joined by '.'"),
        ({"id": 'q."x"'}, r"must be made of letters"),
        ({"id": "a..b"}, r"must be made of letters"),
        ({"id": "two\nlines"}, r"must be made of letters"),
        ({"id": ""}, r"must be made of letters"),
        ({"id": 3}, r"id=3 must be made of letters"),
        ({"id": "procedure"}, r"id='procedure' must be another one: the log keeps under this id how claims are judged"),
        ({"id": "a.b@1", "because": "why"}, r"id='a.b@1' must end with a version from 2 on after the @, or have none"),
        ({"id": "a.b@02", "because": "why"}, r"id='a.b@02' must end with a version from 2 on"),
        ({"id": "a.b@\u0662", "because": "why"}, r"must end with a version from 2 on"),
        ({"id": "a.b@2@3", "because": "why"}, r"id='a.b@2@3' must end with a version from 2 on"),
        ({"id": "a.b@2"}, r"id='a.b@2', because='': a version from 2 on, and no other, says why it was amended"),
        ({"because": "why"}, r"id='test.claim', because='why': a version from 2 on, and no other"),
        ({"statement": ""}, r"statement='' must be text that is not empty"),
        ({"statistic": " "}, r"statistic=' ' must be text that is not empty"),
        ({"source": None}, r"source=None must be text that is not empty"),
        ({"reduction": ["mean"]}, r"reduction=\['mean'\] must be one of 'mean', "),
        ({"layers": 0}, r"layers=0 must be a tuple of whole numbers"),
        ({"layers": [0]}, r"layers=\[0\] must be a tuple of whole numbers"),
        ({"layers": (True,)}, r"layers=\(True,\) must be whole numbers from 0 on"),
        ({"orders": 1}, r"orders=1 must be a tuple of whole numbers"),
        ({"contrasts": WORSE}, r"contrasts=Contrast\(.+ must be a tuple of Contrast objects"),
        ({"contrasts": ("worse",)}, r"contrasts=\('worse',\) must be a tuple of Contrast objects"),
        ({"parts": "ab"}, r"parts='ab' must be a tuple of str objects"),
        (
            {"constants": (("epochs", float("nan")),)},
            r"constants: \('epochs', nan\) must be a pair of a name and a finite",
        ),
        ({"constants": ("epochs",)}, r"constants: 'epochs' must be a pair of a name"),
        (
            {"quantifier": "weights", "reduction": "majority of heads"},
            r"reduction='majority of heads' must be 'mean': a claim about weights has one value, nothing to reduce",
        ),
        (
            {"quantifier": "weights", "contrasts": (WORSE,)},
            r"reduction='ratio of means' must be 'mean': a claim about weights has one value",
        ),
        (
            {"quantifier": "weights", "contrasts": (ELSEWHERE,)},
            r"domain of the contrast 'elsewhere' must be None: weights are the same everywhere",
        ),
    ],
)
def test_a_field_that_cannot_be_is_refused_in_a_sentence(changes, said):
    with pytest.raises(ValueError, match=said):
        claim(**changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"reduction": "majority"}, "reduction='majority' must be one of"),
        ({"relation": "<"}, "relation='<' must be one of"),
        ({"threshold": float("-inf")}, "threshold=-inf must be a finite number"),
        ({"name": ""}, "name='' must be text that is not empty"),
        ({"statistic": ""}, "statistic='' must be text that is not empty"),
        ({"domain": "everywhere"}, "domain='everywhere' must be a Domain, or None"),
    ],
)
def test_a_contrast_is_refused_for_the_same_reasons(changes, said):
    with pytest.raises(ValueError, match=said):
        Contrast(**({"name": "c", "statistic": "s", "relation": ">=", "threshold": 0.0} | changes))


@pytest.mark.parametrize("make", [claim, claim().amended], ids=["Claim", "amended"])
def test_a_field_that_there_is_not_is_refused_by_its_name(make):
    with pytest.raises(TypeError, match="unexpected keyword argument 'treshold'"):
        make(treshold=0.5, because="why")


@pytest.mark.parametrize(
    ("quantifier", "decorated", "said"),
    [
        ("average", False, r"quantifier='average', so that body must be decorated with @given\(at=...\)"),
        ("weights", True, r"quantifier='weights', so that body must not be decorated with @given\(at=...\)"),
    ],
)
def test_a_property_is_searched_unless_it_is_about_weights(quantifier, decorated, said):
    def body(model, at=None):
        pass

    body = given(at=conditions(Domain()))(body) if decorated else body
    with pytest.raises(ValueError, match=said):
        claim(quantifier=quantifier)(figure=str)(body)


AT = Condition(c=1.0)


@pytest.mark.parametrize(
    ("changes", "handed", "said"),
    [
        ({"contrasts": (WORSE,)}, {"at": AT}, r"contrasts=\[\] must measure 'worse', which is declared"),
        ({}, {"at": AT, "contrasts": {"worse": float}}, r"must not measure 'worse': it is not declared"),
        (
            {"contrasts": (ELSEWHERE,)},
            {"at": AT, "contrasts": {"elsewhere": float}},
            r"must not measure 'elsewhere': it is not declared to be measured here",
        ),
        ({}, {}, r"test.claim: quantifier='everywhere' must be measured by check\(values, at\)"),
        ({"quantifier": "weights"}, {"at": AT}, r"quantifier='weights' must be measured by check\(value\)"),
    ],
)
def test_the_first_check_tells_what_is_not_measured_as_it_was_declared(changes, handed, said):
    with pytest.raises(ValueError, match=said):
        claim(**changes).check(np.zeros(4), **handed)


def test_a_contrast_in_a_domain_of_its_own_is_not_asked_for_by_check():
    claim(contrasts=(ELSEWHERE,)).check(np.zeros(4), AT)


def test_what_only_tells_of_a_claim_moves_no_hash_and_constants_do():
    plain = claim()
    told = claim(caveat="measures something else", corrected="more", partner="other", no_positive="none")
    assert told.hash == plain.hash
    assert claim(constants=(("epochs", 3),)).hash != plain.hash
    assert claim(loss_share=True).hash != plain.hash
    assert claim(constants=(("epochs", 3),)).hash != claim(constants=(("epochs", 4),)).hash
    assert "constants" not in plain.registered, "claims that were registered before keep their hash"


def test_a_new_version_does_not_inherit_what_was_said_of_the_old_one():
    old = claim(caveat="measures something else", partner="other")
    assert (old.amended(because="why").caveat, old.amended(because="why").partner) == ("", "other")


def test_the_id_of_a_new_version_may_be_written_out_and_must_then_be_the_next_one():
    assert claim().amended(id="test.claim@2", because="why").id == "test.claim@2"
    with pytest.raises(
        ValueError, match=r"id='test.claim@3' must be 'test.claim@2': that is the version after test.claim"
    ):
        claim().amended(id="test.claim@3", because="why")
