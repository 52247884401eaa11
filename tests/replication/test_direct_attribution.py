"""Figures about the residual stream and direct attribution, against loops over recurrences, positions and heads."""

import pytest

from recint.replication.direct_attribution import FIGURES

from .conftest import agrees


@pytest.mark.parametrize("name", [figure.name for figure in FIGURES if not figure.weights])
def test_figures_agree_with_loops(rows, looped, name):
    agrees(rows[name], looped[name])
