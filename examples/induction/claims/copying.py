"""The model copies: from the second token of a repeated block on, it predicts the next one."""

from hypothesis import given

from recint.judging.claim import Contrast

from .circuit import losses, mean_where, share_right
from .figures import against_period
from .sequences import Claim, Domain, conditions, sequences

COPIES = Claim(
    id="copying.everywhere",
    statement="The model predicts the repeated tokens, whatever the length of the block and however many tokens come before it.",
    quantifier="everywhere",
    statistic="loss on the repeated part, in nats",
    relation="<=",
    threshold=0.5,  # the true token has a probability of 0.6
    source="what it was trained for",
    contrasts=(
        Contrast(
            name="where nothing is repeated",
            statistic="loss at the same positions, in nats",
            relation=">=",
            threshold=3.0,  # the loss of guessing is 4.2: what is random cannot be known
            domain=Domain(repeats=False),
        ),
    ),
)


@COPIES(figure=against_period)
@given(at=conditions(COPIES.domain))
def test_the_model_predicts_the_repeated_tokens(model, at):
    intact = model.intact(at)
    COPIES.check(mean_where(losses(intact.logits, intact.draws), intact.draws.repeated), at)


EVERY_SEQUENCE = Claim(
    id="copying.every-sequence",
    statement="In every sequence of different tokens with a repeated block, the model predicts at least half of the repetition.",
    quantifier="pointwise",
    statistic="share of the repeated tokens that the model predicts before all others",
    relation=">=",
    threshold=0.5,
    source="a circuit that copies should copy whatever the tokens are",
)


@EVERY_SEQUENCE(figure=against_period)
@given(at=sequences(unique=True))
def test_no_sequence_defeats_the_copying(model, at):
    EVERY_SEQUENCE.check(share_right(model, at), at)


TOKENS_TWICE = Claim(
    id="copying.tokens-twice",
    statement="The same holds where a token may come twice in the block, so that two tokens have followed it.",
    quantifier="pointwise",
    statistic="share of the repeated tokens that the model predicts before all others",
    relation=">=",
    threshold=0.5,
    source="the rival of induction by one token: a model that looks at more than the present token would pass",
    domain=Domain(distinct=False),
)


@TOKENS_TWICE(figure=against_period)
@given(at=sequences(unique=False))
def test_no_sequence_with_tokens_that_come_twice_defeats_the_copying(model, at):
    TOKENS_TWICE.check(share_right(model, at), at)
