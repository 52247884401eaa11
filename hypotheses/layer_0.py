"""Layer 0 brings the previous term along: its heads attend to position i-1, and its OV keeps a vector on its own line.

The notebook read "mostly previous token heads" off pictures of single recurrences, and found R^2 = 0.595 for the summed
OV on vectors ~ U(0, 1)^40. Such vectors all have positive coordinates, so the same map is asked about terms of
recurrences too; the claim has to hold on both.
"""

from hypothesis import given

from recint.claim import Claim
from recint.domain import Domain
from recint.landscape import against_c
from recint.statistics.attention import previous_token_attention
from recint.statistics.lines import signed_line_r2
from recint.strategies import conditions

PREVIOUS_TOKEN = Claim(
    id="l0.previous-token",
    statement="Most heads of layer 0 attend to the previous term.",
    layers=(0,),
    quantifier="everywhere",
    statistic="attention on position i-1, majority of heads",
    relation=">=",
    threshold=0.5,
    reduction="majority of heads",
    source="notebook, 'Direct Logit Attribution': 'consists mostly of previous token heads'",
)

OV_LINE = Claim(
    id="l0.ov-line",
    statement="The summed OV of layer 0 maps a vector onto its own line, with positive slope.",
    layers=(0,),
    quantifier="everywhere",
    statistic="R^2 of OV(x) on x (negative where the slope is)",
    relation=">=",
    threshold=0.5,
    domain=Domain(uniform_vectors=True),
    source="notebook, 'Analysis of OV Circuit': R^2 = 0.595 on U(0, 1)^40",
)

PATTERN = "blocks.0.attn.hook_pattern"


@PREVIOUS_TOKEN(figure=against_c)
@given(at=conditions(PREVIOUS_TOKEN.domain))
def test_layer_0_attends_to_the_previous_term(model, at):
    pattern = model.activations(at.sample(model.config).inputs, PATTERN)[PATTERN]
    PREVIOUS_TOKEN.check(previous_token_attention(pattern), at)


@OV_LINE(figure=against_c)
@given(at=conditions(OV_LINE.domain))
def test_layer_0_ov_keeps_a_vector_on_its_line(model, at):
    x = at.vectors(model.config).to(model.device)
    x = x / x.norm(dim=-1, keepdim=True)
    moved = model.unembed(x @ model.bridge.W_E @ model.W_OV[0].sum(0))
    OV_LINE.check(signed_line_r2(x, moved).mean(-1), at)
