"""A claim that cannot be is refused when it is declared, in one sentence; and what its hash covers."""

import json

import numpy as np
import pytest
from hypothesis import given

from recint.catalogue import SHIPPED, modules, properties
from recint.claim import Contrast
from recint.domain import Condition, Domain
from recint.strategies import conditions

from .on_record import skip_what_is_new
from .test_evaluate import WORSE, claim

ELSEWHERE = Contrast(name="elsewhere", statistic="s", relation=">=", threshold=0.0, domain=Domain(c=(0.0, 1.0)))
PROPS = {prop.claim.id: prop for prop in properties()}


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


@pytest.mark.parametrize("path", modules(SHIPPED), ids=lambda path: path.stem)
def test_a_search_for_an_id_finds_its_declaration(path):
    text = path.read_text()
    for prop in PROPS.values():
        if prop.file == path.resolve():
            assert f'"{prop.claim.id}"' in text, prop.claim.id


def test_every_registered_claim_is_what_it_was():
    lines = map(json.loads, (SHIPPED / "log" / "claims.jsonl").read_text().splitlines())
    registered = {line["claim"]: line["hash"] for line in lines if line["kind"] == "registered"}
    for name, prop in PROPS.items():
        assert prop.claim.hash == registered.get(name, prop.claim.hash), name
    skip_what_is_new(PROPS.keys() - registered.keys())


def test_versions_and_kinds_ask_one_question():
    assert claim(id="l0.heads-necessary.mean").question == "l0.heads-necessary"
    assert PROPS["l0.heads-necessary.mean@2"].claim.question == PROPS["l0.heads-necessary"].claim.question


def test_every_ratio_to_the_model_s_own_error_has_a_next_version_and_says_what_it_measures():
    ratios = [prop.claim for prop in PROPS.values() if prop.claim.mse_ratio]
    assert len(ratios) >= 16
    for old in ratios:
        new = PROPS[f"{old.name}@2"].claim
        assert new.loss_share
        assert not new.mse_ratio
        assert new.because
        assert old.caveat, old.id


def test_every_claim_about_weights_has_a_level_of_chance_or_says_that_it_is_one_and_a_partner_in_behaviour():
    newest = {prop.claim.name: prop.claim for prop in PROPS.values() if prop.claim.quantifier == "weights"}
    for made in newest.values():
        assert PROPS[made.partner].claim.quantifier != "weights", made.id
        assert made.contrasts or made.id == "composition.no-v", made.id


def test_what_an_amendment_left_out_is_on_record():
    corrected = {name: prop.claim.corrected for name, prop in PROPS.items() if prop.claim.corrected}
    assert corrected.keys() >= {
        "l0.residual-formula@2", "l2.subtracts-what-it-attends-to@2", "l2.checkerboard@2", "l2.corrects-layer-0@2",
    }  # fmt: skip
    assert "11 on affine-a" in " ".join(corrected["l2.checkerboard@2"].split())
