"""Layer 2 subtracts: its OV copies negatively, so that a head adds the negative of what it attends to.

The notebook found "all the heads" of layer 2 to be negative copying heads by their eigenvalue scores. That is a property
of weights; the second claim asks whether the heads behave so on recurrences.
"""

from hypothesis import given

from recint import figures
from recint.claim import Claim
from recint.landscape import against_c
from recint.statistics.attention import output_against_input
from recint.statistics.weights import eigenvalue_score
from recint.strategies import conditions

NEGATIVE_COPYING = Claim(
    id="l2.ov-negative-copying",
    statement="All heads of layer 2 are negative copying heads.",
    layers=(2,),
    quantifier="weights",
    statistic="largest OV eigenvalue score over heads",
    relation="<=",
    threshold=-0.5,
    source="notebook, 'Analysis of OV Circuit': 'all the heads in the second layer act as negative copying heads'",
)

SUBTRACTS = Claim(
    id="l2.subtracts-what-it-attends-to",
    statement="A head of layer 2 adds the negative of what it attends to.",
    layers=(2,),
    quantifier="everywhere",
    statistic="cosine of a head's output with what it attended to, majority of heads",
    relation="<=",
    threshold=-0.3,
    reduction="majority of heads",
    source="notebook, 'Analysis': 'adds the negative of the vector to the current vector'",
)


def ov_scores(model):
    """OV eigenvalue score of every head, shape (layer, head)."""
    return eigenvalue_score(model.W_OV.cpu().numpy())


def ov_score_figure(model, evidence):
    scores = ov_scores(model)
    return figures.eigenvalue_scores(
        f"Layer 2's OV eigenvalue scores lie between {scores[2].min():.2f} and {scores[2].max():.2f}",
        scores=scores,
        threshold=NEGATIVE_COPYING.threshold,
        highlight_layer=2,
    )


@NEGATIVE_COPYING(figure=ov_score_figure)
def test_every_head_of_layer_2_copies_negatively(model):
    scores = ov_scores(model)[2]
    NEGATIVE_COPYING.check(scores.max(), per_head=scores)


@SUBTRACTS(figure=against_c)
@given(at=conditions(SUBTRACTS.domain))
def test_layer_2_subtracts_what_it_attends_to(model, at):
    z, pattern, residual = "blocks.2.attn.hook_z", "blocks.2.attn.hook_pattern", "blocks.2.hook_resid_pre"
    seen = model.activations(at.sample(model.config).inputs, z, pattern, residual)
    cosines = output_against_input(
        seen[z],
        seen[pattern],
        seen[residual],
        W_O=model.bridge.W_O[2],
        W_U=model.bridge.W_U,
        first=2 * model.config.order,
    )
    SUBTRACTS.check(cosines, at)
