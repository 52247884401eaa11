"""What untrained models get: asked once, kept, and never read when anything it depends on has changed."""

from dataclasses import replace

import pytest
import torch

from hypotheses.composition import test_layer_1_k_composes_with_layer_2 as k_composition
from hypotheses.composition import test_no_two_layers_v_compose as no_v_composition
from recint import vacuity
from recint.catalogue import SHIPPED, properties
from recint.checkpoint import ModelConfig

K, NO_V = k_composition.recint_property, no_v_composition.recint_property
CONFIG = ModelConfig(n_layers=3, n_heads=2, d_model=32, d_head=8, d_mlp=8, n_ctx=13, d_vocab=8)
CPU = torch.device("cpu")


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """A cache of its own, and the list of models that were really asked."""
    monkeypatch.setenv("RECINT_CACHE", str(tmp_path))
    asked, verdict = [], vacuity._verdict

    def counting(prop, config, seed, *rest):
        asked.append((prop.claim.id, seed))
        return verdict(prop, config, seed, *rest)

    monkeypatch.setattr(vacuity, "_verdict", counting)
    return asked


def test_untrained_models_satisfy_an_absence_and_lack_a_presence():
    assert vacuity.untrained_verdict(NO_V, CONFIG, device=CPU) == "supported"
    assert vacuity.untrained_verdict(K, CONFIG, device=CPU) == "refuted"


def test_two_models_that_agree_are_asked_once(asked):
    first = vacuity.untrained_verdict(K, CONFIG, device=CPU)
    assert asked == [("composition.k-l1-l2", seed) for seed in (0, 1)]
    assert vacuity.untrained_verdict(K, CONFIG, device=CPU) == first
    assert len(asked) == 2


@pytest.mark.parametrize("what", ["configuration", "claim", "code", "module of the claim"])
def test_a_change_of_anything_it_depends_on_asks_again(asked, monkeypatch, tmp_path, what):
    vacuity.untrained_verdict(K, CONFIG, device=CPU)
    prop, config = K, CONFIG
    if what == "configuration":
        config = replace(CONFIG, n_heads=4)
    elif what == "claim":
        prop = replace(K, claim=replace(K.claim, threshold=1.3))
    elif what == "code":
        monkeypatch.setattr(vacuity, "_CODE", "another")
    else:
        (tmp_path / "module.py").write_text("another")
        monkeypatch.setattr(type(K), "file", property(lambda self: tmp_path / "module.py"))
    vacuity.untrained_verdict(prop, config, device=CPU)
    assert len(asked) == 4


@pytest.mark.parametrize(
    "damage", ["", "[]", "{", "7", '["supported"]', '["supported", "supported", "supported", "supported"]']
)
def test_a_damaged_entry_is_asked_again_and_mended(asked, tmp_path, damage):
    first = vacuity.untrained_verdict(K, CONFIG, device=CPU)
    (entry,) = tmp_path.glob("*.json")
    entry.write_text(damage)
    assert vacuity.untrained_verdict(K, CONFIG, device=CPU) == first
    assert len(asked) == 4
    vacuity.untrained_verdict(K, CONFIG, device=CPU)
    assert len(asked) == 4


@pytest.mark.parametrize(
    ("verdicts", "majority"),
    [
        (("supported", "refuted", "supported"), "supported"),
        (("refuted", "inconclusive", "refuted"), "refuted"),
        (("supported", "refuted", "inconclusive"), "inconclusive"),
    ],
)
def test_more_than_half_of_the_three_decide(asked, monkeypatch, verdicts, majority):
    monkeypatch.setattr(vacuity, "_verdict", lambda prop, config, seed, *_: verdicts[seed])
    assert vacuity.untrained_verdict(K, CONFIG, device=CPU) == majority
    monkeypatch.setattr(vacuity, "_verdict", None)
    assert vacuity.untrained_verdict(K, CONFIG, device=CPU) == majority, "kept"


def test_the_third_is_asked_about_the_claims_on_which_two_differ_and_only_those(asked, monkeypatch):
    beside, counting = [], vacuity._verdict

    def differing(prop, config, seed, device, others):
        found = counting(prop, config, seed, device, others)
        beside.append((prop.claim.id, seed, len(others)))
        return "supported" if (prop, seed) == (K, 1) else found

    monkeypatch.setattr(vacuity, "_verdict", differing)
    for prop in (K, NO_V):
        vacuity.untrained_verdict(prop, CONFIG, device=CPU, beside=(K, NO_V))
    k, no_v = K.claim.id, NO_V.claim.id
    assert beside == [(k, 0, 2), (k, 1, 2), (k, 2, 0), (no_v, 0, 2), (no_v, 1, 2)]


def test_a_cache_that_cannot_be_written_is_done_without(asked, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("RECINT_CACHE", str(tmp_path / "file" / "cache"))
    assert vacuity.untrained_verdict(K, CONFIG, device=CPU) == "refuted"


def test_the_code_of_claims_is_what_was_loaded_not_what_the_file_became(tmp_path):
    module = tmp_path / "composition.py"
    module.write_text((SHIPPED / "composition.py").read_text())
    loaded = vacuity.code_of(properties(tmp_path))
    module.write_text(f"{module.read_text()}# changed\n")
    assert vacuity.code_of(properties(tmp_path)) == loaded
