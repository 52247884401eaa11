"""Layer 1 has induction heads: they attend to the token after the last occurrence of the present one, and copy it.

They find it because layer 0 has written into this token which token came before it (K-composition).
"""

import numpy as np
import torch
from hypothesis import given

from recint.judging.claim import Contrast

from .circuit import (
    COUNTS,
    GUESSING,
    PATTERN,
    attention_after_any,
    attention_after_last,
    copying_scores,
    induction_heads,
    key_composition,
    losses,
    margins_of,
    mean_where,
    previous_token_head,
    without,
)
from .figures import against_period, of_weights, with_attention
from .sequences import Claim, Domain, conditions

FRAMEWORK = "Elhage et al. 2021, 'A Mathematical Framework for Transformer Circuits'"

ATTENDS = Claim(
    id="l1.induction",
    statement="Layer 1 has a head that attends to the token after the last occurrence of the present one.",
    layers=(1,),
    quantifier="everywhere",
    statistic="attention to the token after the last occurrence, of the strongest induction head",
    relation=">=",
    threshold=0.5,  # it attends to this token more than to all others together
    source=FRAMEWORK,
    contrasts=(
        Contrast(
            name="where nothing is repeated",
            statistic="attention at the same distance",
            relation="<=",
            threshold=0.15,  # uniform attention to the keys there is 0.05 on average
            domain=Domain(repeats=False),
        ),
    ),
)


@ATTENDS(figure=with_attention(1))
@given(at=conditions(ATTENDS.domain))
def test_layer_1_attends_to_the_token_after_the_last_occurrence(model, at):
    intact = model.intact(at)
    attended = attention_after_last(intact[f"blocks.1.{PATTERN}"], intact.draws)
    ATTENDS.check(attended[:, induction_heads(model)[0]], at)


ATTENDS_TO_ANY = Claim(
    id="l1.induction-any",
    statement="Layer 1 has a head that attends to the tokens after all earlier occurrences of the present one.",
    layers=(1,),
    quantifier="everywhere",
    statistic="attention to the tokens after all earlier occurrences, of the strongest induction head",
    relation=">=",
    threshold=0.5,
    source=f"{FRAMEWORK}; a short block has come several times, and each time will do",
    contrasts=(
        Contrast(
            name="where nothing is repeated",
            statistic="attention to the tokens after earlier occurrences",
            relation="<=",
            threshold=0.5,
            domain=Domain(repeats=False),
        ),
    ),
)


@ATTENDS_TO_ANY(figure=with_attention(1))
@given(at=conditions(ATTENDS_TO_ANY.domain))
def test_layer_1_attends_to_the_tokens_after_all_occurrences(model, at):
    intact = model.intact(at)
    attended = attention_after_any(intact[f"blocks.1.{PATTERN}"], intact.draws)
    ATTENDS_TO_ANY.check(attended[:, induction_heads(model)[0]], at)


COPIES = Claim(
    id="l1.ov-copies",
    statement="The OV circuits of all induction heads copy: they raise the logit of the token that they attend to.",
    layers=(1,),
    quantifier="weights",
    statistic="eigenvalue score of W_E W_OV W_U, smallest over the induction heads",
    relation=">=",
    threshold=0.5,  # of random matrices it is 0, of a matrix that copies every token 1
    constants=COUNTS,
    source=f"{FRAMEWORK}: 'copying heads'",
    partner="l1.writes-next-token",
)


@COPIES(figure=of_weights)
def test_the_induction_heads_copy(model):
    scores = copying_scores(model)
    COPIES.check(scores[list(induction_heads(model))].min(), per_head=scores)


WRITES = Claim(
    id="l1.writes-next-token",
    statement="The induction heads write most of what makes the model predict the repeated token.",
    layers=(1,),
    quantifier="average",
    statistic="true token's logit above the mean logit, written by the induction heads directly / of the whole model",
    relation=">=",
    threshold=0.5,  # more than all other components together
    reduction="ratio of means",
    constants=COUNTS,
    source=FRAMEWORK,
)


@WRITES(figure=against_period)
@given(at=conditions(WRITES.domain))
def test_the_induction_heads_write_the_next_token(model, at):
    WRITES.check(margins_of(model, at, induction_heads(model)), at)


K_COMPOSES = Claim(
    id="l1.k-composes",
    statement="The keys of all induction heads read what the previous-token head writes.",
    layers=(0, 1),
    quantifier="weights",
    statistic="K-composition with the previous-token head / that of random heads, smallest over the induction heads",
    relation=">=",
    threshold=1.5,  # half as much again as chance, which the figure is divided by
    constants=COUNTS,
    source=f"{FRAMEWORK}: induction heads by K-composition",
    partner="l1.needs-previous-token",
    contrasts=(
        Contrast(
            name="another head of layer 0",
            statistic="the largest K-composition of another head of layer 0 / that of the previous-token head",
            relation="<=",
            threshold=1.0,
        ),
    ),
)


@K_COMPOSES(figure=of_weights)
def test_the_induction_heads_read_the_previous_token_head(model):
    scores, chance = key_composition(model)
    head, readers = previous_token_head(model), list(induction_heads(model))
    others = [other for other in range(len(scores)) if other != head]
    K_COMPOSES.check(
        (scores / chance)[head, readers].min(),
        per_head=(scores / chance)[head],
        contrasts={"another head of layer 0": lambda: np.max(scores[others][:, readers] / scores[head, readers])},
    )


NEEDS = Claim(
    id="l1.needs-previous-token",
    statement="Without the previous-token head, the induction heads no longer find the token after the last occurrence.",
    layers=(0, 1),
    quantifier="average",
    statistic="attention of the strongest induction head, with the previous-token head mean-ablated / as it is",
    relation="<=",
    threshold=0.5,
    reduction="ratio of means",
    source=FRAMEWORK,
    contrasts=(
        Contrast(
            name="the other heads of layer 0, one by one",
            statistic="the same with another head of layer 0 mean-ablated, mean over these heads",
            relation=">=",
            threshold=0.75,
            reduction="ratio of means",
        ),
    ),
)


@NEEDS(figure=against_period)
@given(at=conditions(NEEDS.domain))
def test_the_induction_heads_need_the_previous_token_head(model, at):
    strongest, hook = induction_heads(model)[0], f"blocks.1.{PATTERN}"
    intact = model.intact(at)
    own = attention_after_last(intact[hook], intact.draws)[:, strongest]

    def ablated(head):
        _, pattern, changed = without(model, at, layer=0, heads=(head,), keep=hook)
        return attention_after_last(pattern, intact.draws)[:, strongest], changed

    def others():
        heads = [head for head in range(model.config.n_heads) if head != previous_token_head(model)]
        return torch.stack([torch.stack([ablated(head)[0] for head in heads]).mean(0), own], -1)

    left, changed = ablated(previous_token_head(model))
    NEEDS.check(
        torch.stack([left, own], -1), at, contrasts={"the other heads of layer 0, one by one": others}, changed=changed
    )


NECESSARY = Claim(
    id="l1.necessary",
    statement="Without the induction heads, the model loses most of what it gains from the repetition.",
    layers=(1,),
    quantifier="average",
    statistic="share of the gain over guessing that is lost on the repeated part, with the induction heads mean-ablated",
    relation=">=",
    threshold=0.5,  # most of it
    reduction="ratio of means",
    constants=COUNTS,
    source="Olsson et al. 2022, 'In-context Learning and Induction Heads': ablation",
    contrasts=(
        Contrast(
            name="the first part",
            statistic="how much the loss rises before the repetition, in nats",
            relation="<=",
            threshold=0.1,
        ),
    ),
)


@NECESSARY(figure=against_period)
@given(at=conditions(NECESSARY.domain))
def test_the_model_needs_the_induction_heads(model, at):
    intact = model.intact(at)
    logits, _, changed = without(model, at, layer=1, heads=induction_heads(model))
    before, after = (losses(each, intact.draws) for each in (intact.logits, logits))
    lost, gain = (mean_where(each, intact.draws.repeated) for each in (after - before, GUESSING - before))
    NECESSARY.check(
        torch.stack([lost, gain], -1),
        at,
        contrasts={"the first part": lambda: mean_where(after - before, intact.draws.fresh)},
        changed=changed,
    )
