"""Layer 0 has a previous-token head: it writes into each position which token came before."""

from hypothesis import given

from .circuit import attention_to_previous, previous_token_head
from .figures import with_attention
from .sequences import Claim, conditions

PREVIOUS_TOKEN = Claim(
    id="l0.previous-token",
    statement="Layer 0 has a head that attends to the token before.",
    layers=(0,),
    quantifier="everywhere",
    statistic="attention to the token before, of the head of layer 0 that attends to it most",
    relation=">=",
    threshold=0.5,  # it attends to this token more than to all others together
    source="Elhage et al. 2021, 'A Mathematical Framework for Transformer Circuits': induction needs a previous-token head",
)


@PREVIOUS_TOKEN(figure=with_attention(0))
@given(at=conditions(PREVIOUS_TOKEN.domain))
def test_layer_0_attends_to_the_token_before(model, at):
    PREVIOUS_TOKEN.check(attention_to_previous(model, at)[:, previous_token_head(model)], at)
