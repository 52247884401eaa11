"""How many untrained models pass a claim: asked once, kept, and never read when anything it depends on has changed."""

import json
from dataclasses import asdict, replace

import pytest
from scipy import stats

from hypotheses.composition import test_layer_1_k_composes_with_layer_2 as k_composition
from hypotheses.composition import test_no_two_layers_v_compose as no_v_composition
from hypotheses.layer_0 import test_layer_0_attends_to_the_previous_term as previous_token
from recint.catalogue import SHIPPED, properties
from recint.checkpoint import ModelConfig
from recint.judging import untrained
from recint.judging.untrained import ALL, FIRST, TOLERATED, Untrained
from recint.model import Model
from recint.model import untrained as initial

from ..made_up import claims
from ..on_record import skip_what_is_new

K, NO_V = k_composition.recint_property, no_v_composition.recint_property
CONFIG = ModelConfig(n_layers=3, n_heads=2, d_model=32, d_head=8, d_mlp=8, n_ctx=13, d_vocab=8)


def shaped(config):
    """A model of which nothing is asked but its shape."""
    return Model(initial.untrained(config, seed=1))


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """A cache of its own, and the list of models that were really asked."""
    monkeypatch.setenv("RECINT_CACHE", str(tmp_path))
    asked, passes = [], untrained._passes

    def counting(prop, model, seed, drawn):
        asked.append((prop.claim.id, seed))
        return passes(prop, model, seed, drawn)

    monkeypatch.setattr(untrained, "_passes", counting)
    return asked


def scripted(monkeypatch, passing):
    """Let those of the untrained models pass whose seeds are told."""
    asked = []
    monkeypatch.setattr(Model, "untrained", lambda self, seed: None)
    monkeypatch.setattr(untrained, "draw", lambda props, *_, **__: {prop.claim.id: None for prop in props})
    monkeypatch.setattr(untrained, "_passes", lambda prop, model, seed, drawn: asked.append(seed) or seed in passing)
    return asked


def test_untrained_models_satisfy_an_absence_and_lack_a_presence(asked):
    absent = untrained.untrained_passes(NO_V, shaped(CONFIG))
    assert absent.vacuous
    assert absent.passed == absent.of == 4, "enough have passed for the rest not to matter"
    assert untrained.untrained_passes(K, shaped(CONFIG)) == Untrained(0, FIRST)


def test_a_claim_about_behaviour_is_asked_on_recurrences(asked):
    config = replace(CONFIG, d_vocab=40)
    assert untrained.untrained_passes(previous_token.recint_property, shaped(config)) == Untrained(0, FIRST)


@pytest.mark.parametrize(
    ("passing", "found", "vacuous"),
    [
        ((), Untrained(0, FIRST), False),
        ((3,), Untrained(1, ALL), False),
        ((0, 10, 59), Untrained(3, ALL), False),
        ((0, 10, 30, 59), Untrained(4, ALL), True),
        ((19, 20, 21, 22, 23), Untrained(4, 23), True),
        ((20, 30, 40, 50), Untrained(0, FIRST), False),
    ],
)
def test_the_share_that_passes_decides_not_a_majority_of_three(tmp_path, monkeypatch, passing, found, vacuous):
    monkeypatch.setenv("RECINT_CACHE", str(tmp_path))
    asked = scripted(monkeypatch, passing)
    assert untrained.untrained_passes(K, shaped(CONFIG)) == found
    assert found.vacuous == vacuous
    assert asked == list(range(found.of))
    assert untrained.untrained_passes(K, shaped(CONFIG)) == found
    assert len(asked) == found.of, "kept"


def test_claims_that_may_be_asked_next_are_asked_on_the_same_models(asked):
    first = untrained.untrained_passes(K, shaped(CONFIG), beside=[K, NO_V])
    assert asked[:4] == [(K.claim.id, 0), (NO_V.claim.id, 0), (K.claim.id, 1), (NO_V.claim.id, 1)]
    known = len(asked)
    assert untrained.untrained_passes(NO_V, shaped(CONFIG)).vacuous
    assert untrained.untrained_passes(K, shaped(CONFIG)) == first
    assert len(asked) == known, "kept"


def test_answers_for_the_shipped_shapes_come_with_the_package(asked, monkeypatch):
    answer = {"config": asdict(CONFIG), "claims": {K.claim.hash: [1, 60]}}
    monkeypatch.setattr(untrained, "_answers", lambda: [answer])
    assert untrained.untrained_passes(K, shaped(CONFIG)) == Untrained(1, 60)
    assert asked == []
    assert untrained.untrained_passes(K, shaped(replace(CONFIG, n_heads=4))).of == FIRST
    assert len(asked) == FIRST


def test_every_shipped_claim_has_an_answer_for_the_shipped_shapes():
    hashes = {prop.claim.hash: prop.claim.id for prop in properties()}
    lacking = set()
    for answer in json.loads(untrained.SHIPPED_ANSWERS.read_text())["answers"]:
        assert answer["claims"].keys() <= hashes.keys(), "answers for what is no longer claimed"
        lacking |= {hashes[of] for of in hashes.keys() - answer["claims"].keys()}
    skip_what_is_new(lacking)


@pytest.mark.slow
def test_a_shipped_answer_is_what_untrained_models_say_now():
    answer = json.loads(untrained.SHIPPED_ANSWERS.read_text())["answers"][0]
    asked = [
        prop for prop in properties() if prop.claim.id in ("l0.leads-attribution", "l1.small-attribution", "l0.ov-line")
    ]
    found = untrained.ask(asked, shaped(ModelConfig(**answer["config"])))
    for prop in asked:
        assert [found[prop].passed, found[prop].of] == answer["claims"][prop.claim.hash], prop.claim.id


def test_the_error_rates_are_those_that_are_told():
    tolerated = int(TOLERATED * ALL)
    missed = stats.binom.pmf(0, FIRST, 0.14)
    assert missed == pytest.approx(0.05, abs=0.002)
    wrongly = stats.binom.sf(tolerated, ALL, 0.01)
    assert wrongly < 0.0035


def test_an_answer_is_asked_for_once(asked):
    first = untrained.untrained_passes(K, shaped(CONFIG))
    assert asked == [("composition.k-l1-l2", seed) for seed in range(FIRST)]
    assert untrained.untrained_passes(K, shaped(CONFIG)) == first
    assert len(asked) == FIRST


@pytest.mark.parametrize("what", ["configuration", "claim", "code", "module of the claim"])
def test_a_change_of_anything_it_depends_on_asks_again(asked, monkeypatch, tmp_path, what):
    untrained.untrained_passes(K, shaped(CONFIG))
    prop, config = K, CONFIG
    if what == "configuration":
        config = replace(CONFIG, n_heads=4)
    elif what == "claim":
        prop = replace(K, claim=replace(K.claim, threshold=1.3))
    elif what == "code":
        monkeypatch.setattr(untrained, "_CODE", "another")
    else:
        (tmp_path / "module.py").write_text("another")
        monkeypatch.setattr(type(K), "file", property(lambda self: tmp_path / "module.py"))
    untrained.untrained_passes(prop, shaped(config))
    assert len(asked) == 2 * FIRST


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "[]",
        "{",
        "7",
        '["great", "great"]',
        "{}",
        '{"passed": 3, "of": 2}',
        '{"passed": "0", "of": 20}',
        '{"passed": 0, "of": 0}',
        "[" * 100_000,
    ],
)
def test_a_damaged_entry_is_asked_again_and_mended(asked, tmp_path, damage):
    first = untrained.untrained_passes(K, shaped(CONFIG))
    (entry,) = tmp_path.glob("*.json")
    entry.write_text(damage)
    assert untrained.untrained_passes(K, shaped(CONFIG)) == first
    assert len(asked) == 2 * FIRST
    untrained.untrained_passes(K, shaped(CONFIG))
    assert len(asked) == 2 * FIRST


def test_a_cache_that_cannot_be_written_is_done_without(asked, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("RECINT_CACHE", str(tmp_path / "file" / "cache"))
    assert untrained.untrained_passes(K, shaped(CONFIG)) == Untrained(0, FIRST)


def test_the_code_of_claims_is_what_was_loaded_not_what_the_file_became(tmp_path):
    module = tmp_path / "composition.py"
    module.write_text((SHIPPED / "composition.py").read_text())
    loaded = untrained.code_of(properties(tmp_path))
    module.write_text(f"{module.read_text()}# changed\n")
    assert untrained.code_of(properties(tmp_path)) == loaded


def test_a_subject_of_their_own_is_part_of_the_code_of_claims(tmp_path):
    def code(name, **modules):
        folder = claims(tmp_path / name, {"id": "a.one"})
        for module, text in modules.items():
            (folder / f"{module}.py").write_text(text)
        return untrained.code_of(properties(folder))

    assert code("one") == code("two", helper="SIDES = 2")
    assert (
        len({code("three"), code("four", subject="NAME = 'a'"), code("five", subject="NAME = 'a'", helper="SIDES = 2")})
        == 3
    )
