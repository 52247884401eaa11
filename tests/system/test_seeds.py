"""Every use of a run's seed has one of its own."""

from recint.system.seeds import derive_seed


def test_derived_seeds_differ_by_label():
    assert len({derive_seed(0, "a"), derive_seed(0, "b"), derive_seed(1, "a"), derive_seed(0, "a", 1)}) == 4
