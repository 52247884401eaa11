"""What holds of all shipped claims: their ids, versions, hashes, and the words that they share."""

import json

import pytest

from recint.catalogue import SHIPPED, modules, properties

from ..made_up import claim
from ..on_record import skip_what_is_new

PROPS = {prop.claim.id: prop for prop in properties()}


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
