"""Layer 2 subtracts: its OV copies negatively, so that a head adds the negative of what it attends to.

The notebook found "all the heads" of layer 2 to be negative copying heads by their eigenvalue scores. That is a property
of weights; the second claim asks whether the heads behave so on recurrences. What they attend to is said to be what is
similar to the query: every other term where the coefficient is negative, and so well that a random low-rank identity can
stand in for the QK of heads 0-4. "Maintains accuracy" means little if anything would: uniform attention and the negative
stand-in must cost more.
"""

import torch
from hypothesis import given

from recint import figures
from recint.claim import Claim, Contrast
from recint.domain import Domain
from recint.interventions import attention_uniform, low_rank_identity, qk_replaced
from recint.landscape import against_c
from recint.recurrence import derive_seed
from recint.statistics.attention import attention_by_parity, output_against_input
from recint.statistics.errors import prediction_errors
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

CHECKERBOARD = Claim(
    id="l2.checkerboard",
    statement="For negative c, every head of layer 2 attends in a checkerboard; for positive c not every one does.",
    layers=(2,),
    quantifier="everywhere",
    statistic="attention on keys of the query's parity / on the others, smallest over heads",
    relation=">=",
    threshold=1.5,
    reduction="smallest ratio over heads",
    domain=Domain(c=(-2.0, -0.5)),
    contrasts=(
        Contrast(
            name="c >= 0.5",
            statistic="the same",
            relation="<=",
            threshold=1.5,
            reduction="smallest ratio over heads",
            domain=Domain(c=(0.5, 2.0)),
        ),
    ),
    source="notebook, 'Analysis': 'observable in the checkerboard attention patterns in the second layer'",
)

QK_IDENTITY = Claim(
    id="l2.qk-identity",
    statement="A random low-rank identity can stand in for the QK of heads 0-4 of layer 2.",
    layers=(2,),
    heads=(0, 1, 2, 3, 4),
    quantifier="average",
    statistic="MSE with the stand-in (mean over 4 of them) / MSE",
    relation="<=",
    threshold=2.0,
    reduction="ratio of means",
    mse_ratio=True,
    contrasts=tuple(
        Contrast(
            name=name,
            statistic="its MSE / MSE with the stand-in",
            relation=">=",
            threshold=2.0,
            reduction="ratio of means",
        )
        for name in ("uniform attention in these heads", "the stand-in with its sign flipped")
    ),
    source="notebook, 'Analysis': 'we maintain accuracy!'",
)
STAND_INS = 4
PATTERN, RESIDUAL = "blocks.2.attn.hook_pattern", "blocks.2.hook_resid_pre"


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
    z = "blocks.2.attn.hook_z"
    seen = model.activations(at.sample(model.config).inputs, z, PATTERN, RESIDUAL)
    cosines = output_against_input(
        seen[z],
        seen[PATTERN],
        seen[RESIDUAL],
        W_O=model.bridge.W_O[2],
        W_U=model.bridge.W_U,
        first=2 * model.config.order,
    )
    SUBTRACTS.check(cosines, at)


@CHECKERBOARD(figure=against_c)
@given(at=conditions(CHECKERBOARD.domain))
def test_layer_2_attends_in_a_checkerboard(model, at):
    pattern = model.activations(at.sample(model.config).inputs, PATTERN)[PATTERN]
    CHECKERBOARD.check(attention_by_parity(pattern), at)


def stand_ins(model, sign):
    """Interventions that put random low-rank identities (sign 1) or their negatives (-1) in place of QK, always the same."""
    config, heads = model.config, QK_IDENTITY.heads
    for draw in range(STAND_INS):
        generator = torch.Generator().manual_seed(derive_seed(0, "stand-in", draw))
        W_Q, W_K = low_rank_identity(
            heads=len(heads), d_model=config.d_model, d_head=config.d_head, generator=generator
        )
        yield qk_replaced(model, layer=2, heads=heads, W_Q=sign * W_Q.to(model.device), W_K=W_K.to(model.device))


@QK_IDENTITY(figure=against_c)
@given(at=conditions(QK_IDENTITY.domain))
def test_a_low_rank_identity_can_stand_in_for_qk(model, at):
    drawn = at.sample(model.config).to(model.device)
    intact = model.run(drawn.inputs, keep=[RESIDUAL])
    changes = []

    def errors(*interventions):
        total = 0
        for intervention in interventions:
            with intervention as change:
                prediction = model.resume(intact.activations[RESIDUAL], layer=2)
            changes.append(change.largest)
            total += prediction_errors(prediction, drawn.targets, order=drawn.order)
        return total / len(interventions)

    replaced = errors(*stand_ins(model, 1))
    uniform, flipped = (contrast.name for contrast in QK_IDENTITY.contrasts)
    QK_IDENTITY.check(
        torch.stack([replaced, prediction_errors(intact.prediction, drawn.targets, order=drawn.order)], dim=-1),
        at,
        contrasts={
            uniform: lambda: torch.stack(
                [errors(attention_uniform(model, layer=2, heads=QK_IDENTITY.heads)), replaced], -1
            ),
            flipped: lambda: torch.stack([errors(*stand_ins(model, -1)), replaced], -1),
        },
        changed=max(changes),
    )
