"""Layer 0 looks back: what you expect of it, and why."""

from hypothesis import given

from recint.judging.claim import Claim
from recint.pages import figures

from .subject import Domain, places

LOOKS_BACK = Claim(
    id="l0.looks-back",
    statement="A head of layer 0 attends to the previous token.",
    layers=(0,),
    quantifier="everywhere",
    statistic="attention to the token before, of the head that attends to it most",
    relation=">=",
    threshold=0.5,  # write down where it comes from before you look at a model
    source="a hunch",
    domain=Domain(),
)


def figure(model, evidence):
    pattern = model.intact(evidence.places[0])["blocks.0.attn.hook_pattern"].mean(0).cpu().numpy()
    return figures.attention(f"{evidence.claim.id}: mean attention", pattern=pattern, layer=0)


@LOOKS_BACK(figure=figure)
@given(at=places(LOOKS_BACK.domain))
def test_layer_0_looks_back(model, at):
    pattern = model.intact(at)["blocks.0.attn.hook_pattern"]
    LOOKS_BACK.check(pattern.diagonal(-1, -2, -1).mean(-1).amax(-1), at)
