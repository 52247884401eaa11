"""Composition: which heads read what earlier heads write, compared with matched random heads.

The notebook "saw" K- and Q-composition between layers 1 and 2 and no significant V-composition. Its heat-maps have no chance level.
Here, a score is divided by the score of random heads with the same singular values.

The notebook concluded that layer 1 sets the attention patterns of layer 2. This is tested on the model's behaviour: the output of
layer 1 is removed from what the queries and keys of layer 2 read, and from nothing else.
"""

from itertools import combinations

import numpy as np
import torch
from hypothesis import given

from recint.claim import EVERY_FAMILY, Claim, Contrast
from recint.claim_figures import against_c, with_heads
from recint.model.chance import CHANCE, DEALS, share_of_deals
from recint.model.gain import MATTERS, NO_RATIO, RATIO_CAVEAT, loss_shares
from recint.model.interventions import path_removed
from recint.pages import weight_figures
from recint.statistics.weights import ORIENTATIONS, composition_chance, composition_scores, input_matrices, pair_scores
from recint.strategies import conditions
from recint.system.seeds import derive_seed

SOURCE = "notebook, 'Analysis of QK Circuit': 'we see K and Q-Composition between Layers 1 and 2'"

K_COMPOSITION = Claim(
    id="composition.k-l1-l2",
    families=EVERY_FAMILY,
    statement="Layer 1 K-composes with layer 2.",
    layers=(1, 2),
    quantifier="weights",
    statistic="mean K-composition score / that of matched random heads",
    relation=">=",
    threshold=1.2,
    source=SOURCE,
    partner="composition.l1-steers-l2@2",
)

Q_COMPOSITION = Claim(
    id="composition.q-l1-l2",
    families=EVERY_FAMILY,
    statement="Layer 1 Q-composes with layer 2.",
    layers=(1, 2),
    quantifier="weights",
    statistic="mean Q-composition score / that of matched random heads",
    relation=">=",
    threshold=1.2,
    source=SOURCE,
    partner="composition.l1-steers-l2@2",
)


def of_these_layers(claim, id):
    return claim.amended(
        id=id,
        because="random orientation was the only chance that it was held against; now heads dealt to the two layers at random may "
        "compose as much in at most 5 % of deals",
        contrasts=(CHANCE,),
        constants=(("deals", DEALS), ("random orientations", ORIENTATIONS)),
    )


K_COMPOSITION_OF_THESE_LAYERS = of_these_layers(K_COMPOSITION, "composition.k-l1-l2@2")
Q_COMPOSITION_OF_THESE_LAYERS = of_these_layers(Q_COMPOSITION, "composition.q-l1-l2@2")

NO_V_COMPOSITION = Claim(
    id="composition.no-v",
    families=EVERY_FAMILY,
    statement="No two layers V-compose.",
    layers=(0, 1),
    quantifier="weights",
    statistic="largest mean V-composition score of two layers / that of matched random heads",
    relation="<=",
    threshold=1.2,
    source="notebook, 'Analysis of QK Circuit': no 'significant systematic V-Composition'",
    partner="composition.values-read-no-heads",
)

PAIRS = ((0, 1), (0, 2), (1, 2))
VALUES_READ_NO_HEADS = Claim(
    id="composition.values-read-no-heads",
    families=EVERY_FAMILY,
    statement="No layer's values need what the heads of an earlier layer write.",
    layers=(0, 1, 2),
    quantifier="average",
    statistic="share of the gain that is lost without a layer's attention in what another's values read, largest over pairs",
    relation="<=",
    threshold=MATTERS,
    reduction="largest ratio over heads",
    parts=tuple(f"layer {early} in the values of {late}" for early, late in PAIRS),
    loss_share=True,
    source="what no V-composition would mean for behaviour",
)

STEERS = Claim(
    id="composition.l1-steers-l2",
    families=EVERY_FAMILY,
    statement="Layer 1 sets the attention patterns of layer 2.",
    layers=(1, 2),
    quantifier="average",
    statistic="MSE without layer 1 in what layer 2's queries and keys read / MSE",
    relation=">=",
    threshold=2.0,
    reduction="ratio of means",
    mse_ratio=True,
    contrasts=(
        Contrast(
            name="taken out of what its values read instead",
            statistic="its MSE / MSE without layer 1 in queries and keys",
            relation="<=",
            threshold=0.5,
            reduction="ratio of means",
        ),
    ),
    source="notebook, 'Analysis': 'Layer 1 is determining attention patterns in Layer 2'",
    caveat=RATIO_CAVEAT,
)

STEERS_BY_SHARE = STEERS.amended(
    id="composition.l1-steers-l2@2",
    because=NO_RATIO,
    statement="Layer 1 sets the attention patterns of layer 2: without it there, at least 10 % of the gain over copying is lost.",
    statistic="share of the gain over copying that is lost without layer 1 in what layer 2's queries and keys read",
    threshold=MATTERS,
    mse_ratio=False,
    loss_share=True,
    contrasts=(
        Contrast(
            name="taken out of what its values read instead",
            statistic="its loss - half of that without layer 1 in queries and keys, as a share of the gain",
            relation="<=",
            threshold=0.0,
            reduction="ratio of means",
        ),
    ),
)


def matrices(model, kind):
    """The output matrices and the input matrices of all heads, each of shape (layer, head, d_model, d_model).

    Args:
        kind: "q", "k" or "v": which input of the later head is meant.
    """
    output, qk = model.W_OV.cpu().numpy(), model.W_QK.cpu().numpy()
    return output, input_matrices(output, qk, kind)


def over_chance(model, kind, early, late):
    """The mean composition score between two layers, divided by the mean score of matched random heads."""
    output, reader = matrices(model, kind)
    pair = composition_scores(output[[early, late]], reader[[early, late]])[0, :, 1]
    rng = np.random.default_rng(derive_seed(0, kind, early, late))
    return pair.mean() / composition_chance(output[early], reader[late], rng=rng).mean()


def composition_figure(kind):
    def figure(model, evidence):
        output, reader = matrices(model, kind)
        layers, heads = output.shape[:2]
        chance = composition_chance(output[0], reader[-1], rng=np.random.default_rng(derive_seed(0, kind)), draws=1)
        return weight_figures.composition(
            f"{kind.upper()}-composition: the claim's figure is {evidence.value:.2f} times chance",
            scores=composition_scores(output, reader).reshape(layers * heads, layers * heads),
            chance=chance.mean(),
            n_heads=heads,
        )

    return figure


@K_COMPOSITION(figure=composition_figure("k"))
def test_layer_1_k_composes_with_layer_2(model):
    K_COMPOSITION.check(over_chance(model, "k", 1, 2))


@Q_COMPOSITION(figure=composition_figure("q"))
def test_layer_1_q_composes_with_layer_2(model):
    Q_COMPOSITION.check(over_chance(model, "q", 1, 2))


def chance_of_pairs(model, kind, relation):
    """The share of random deals of the heads of layers 1 and 2 in which the mean score is at least as extreme as the real one."""
    output, reader = matrices(model, kind)
    scores = pair_scores(*(part[1:3].reshape(-1, *part.shape[2:]) for part in (output, reader)))

    def mean_score(dealt):  # numbers of heads, shape (*deal, layer, head)
        return scores[dealt[..., 0, :, None], dealt[..., 1, None, :]].mean((-2, -1))

    return share_of_deals(mean_score, np.arange(len(scores)).reshape(2, -1), relation=relation)


def composing(claim, kind):
    @claim(figure=composition_figure(kind))
    def test(model):
        chance = {CHANCE.name: lambda: chance_of_pairs(model, kind, claim.relation)}
        claim.check(over_chance(model, kind, 1, 2), contrasts=chance)

    return test


test_layers_1_and_2_k_compose_more_than_heads_dealt_to_them = composing(K_COMPOSITION_OF_THESE_LAYERS, "k")
test_layers_1_and_2_q_compose_more_than_heads_dealt_to_them = composing(Q_COMPOSITION_OF_THESE_LAYERS, "q")


@NO_V_COMPOSITION(figure=composition_figure("v"))
def test_no_two_layers_v_compose(model):
    pairs = combinations(range(model.config.n_layers), 2)
    NO_V_COMPOSITION.check(max(over_chance(model, "v", early, late) for early, late in pairs))


def errors_without(model, intact, early, late, letters):
    """MSE of each recurrence, and the largest change, if the output of an early layer's attention is removed from some inputs.

    Args:
        letters: the inputs of the later layer from which it is removed: its queries, keys or values.
    """
    written = intact[f"blocks.{early}.hook_attn_out"]

    def measure():
        with path_removed(model, layer=late, letters=letters, removed=written) as change:
            errors = intact.errors_from(layer=late)
        return errors, change.largest

    return intact.once(("path removed", early, late, letters), measure)


@STEERS(figure=against_c)
@given(at=conditions(STEERS.domain))
def test_layer_1_steers_the_attention_of_layer_2(model, at):
    intact = model.intact(at)
    steered, changed = errors_without(model, intact, 1, 2, "qk")

    def values():
        return torch.stack([errors_without(model, intact, 1, 2, "v")[0], steered], dim=-1)

    STEERS.check(
        torch.stack([steered, intact.errors], dim=-1), at, contrasts={STEERS.contrasts[0].name: values}, changed=changed
    )


@STEERS_BY_SHARE(figure=against_c)
@given(at=conditions(STEERS_BY_SHARE.domain))
def test_the_attention_of_layer_2_needs_layer_1(model, at):
    intact = model.intact(at)
    steered, changed = errors_without(model, intact, 1, 2, "qk")
    shares = loss_shares(model, intact, steered)

    def values():
        other = loss_shares(model, intact, errors_without(model, intact, 1, 2, "v")[0])
        return torch.stack([other[:, 0] - shares[:, 0] / 2, shares[:, 1]], dim=1)

    STEERS_BY_SHARE.check(shares, at, contrasts={STEERS_BY_SHARE.contrasts[0].name: values}, changed=changed)


@VALUES_READ_NO_HEADS(figure=with_heads)
@given(at=conditions(VALUES_READ_NO_HEADS.domain))
def test_values_need_no_earlier_heads(model, at):
    intact = model.intact(at)
    errors, changed = zip(*(errors_without(model, intact, *pair, "v") for pair in PAIRS), strict=True)
    VALUES_READ_NO_HEADS.check(loss_shares(model, intact, torch.stack(errors, dim=-1)), at, changed=max(changed))
