"""Layer 0 looks back: what you expect of it, and why."""

from hypothesis import given

from recint.claim import Claim
from recint.claim_figures import with_attention
from recint.statistics.attention import previous_token_attention
from recint.strategies import conditions

LOOKS_BACK = Claim(
    id="l0.looks-back",
    statement="Most heads of layer 0 attend more to the previous term than to all others together.",
    layers=(0,),
    quantifier="everywhere",
    statistic="attention on position i-1, majority of heads",
    relation=">=",
    threshold=0.5,  # write down where it comes from before you look at a model
    reduction="majority of heads",
    source="a hunch",
)


@LOOKS_BACK(figure=with_attention(0))
@given(at=conditions(LOOKS_BACK.domain))
def test_layer_0_looks_back(model, at):
    pattern = model.intact(at)["blocks.0.attn.hook_pattern"]
    LOOKS_BACK.check(previous_token_attention(pattern, order=model.config.order), at)
