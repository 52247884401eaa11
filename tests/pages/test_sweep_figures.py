"""Figures of a sweep's report."""

from recint.pages import sweep_figures


def test_the_axis_of_steps_has_few_round_ticks_and_0_only_if_there_is_one():
    assert sweep_figures.steps(range(0, 20_001, 1000)).ticks() == [0, 1000, 2000, 5000, 10_000, 20_000]
    assert sweep_figures.steps([1, 10, 100_000]).ticks() == [1, 10, 100, 1000, 10_000, 100_000]
    assert sweep_figures.steps([0]).ticks() == [0, 1]
