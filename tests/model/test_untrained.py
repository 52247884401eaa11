"""Untrained models are told by their seed."""

from recint.model.untrained import untrained


def test_untrained_models_are_the_same_for_a_seed_only(small):
    same, other = (untrained(small.config, seed=seed, init_range=0.2) for seed in (0, 1))
    assert same.sha256 == small.sha256 != other.sha256
