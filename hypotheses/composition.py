"""Which heads read what earlier heads write: composition between layers, against the level of matched random heads.

The notebook "saw" K- and Q-composition between layers 1 and 2 and no significant V-composition, in heat-maps without a
chance level. Here a score is divided by that of heads with the same singular values in random orientation. What it deduced, that
layer 1 sets the attention patterns of layer 2, is asked of the model's behaviour: the output of layer 1 is taken out of what the
queries and keys of layer 2 read, and of nothing else.
"""

from itertools import combinations

import numpy as np
import torch
from hypothesis import given

from recint import figures
from recint.claim import Claim, Contrast
from recint.interventions import path_removed
from recint.landscape import against_c
from recint.recurrence import derive_seed
from recint.statistics.weights import composition_chance, composition_scores, input_matrices
from recint.strategies import conditions

SOURCE = "notebook, 'Analysis of QK Circuit': 'we see K and Q-Composition between Layers 1 and 2'"

K_COMPOSITION = Claim(
    id="composition.k-l1-l2",
    statement="Layer 1 K-composes with layer 2.",
    layers=(1, 2),
    quantifier="weights",
    statistic="mean K-composition score / that of matched random heads",
    relation=">=",
    threshold=1.2,
    source=SOURCE,
)

Q_COMPOSITION = Claim(
    id="composition.q-l1-l2",
    statement="Layer 1 Q-composes with layer 2.",
    layers=(1, 2),
    quantifier="weights",
    statistic="mean Q-composition score / that of matched random heads",
    relation=">=",
    threshold=1.2,
    source=SOURCE,
)

NO_V_COMPOSITION = Claim(
    id="composition.no-v",
    statement="No two layers V-compose.",
    layers=(0, 1),
    quantifier="weights",
    statistic="largest mean V-composition score of two layers / that of matched random heads",
    relation="<=",
    threshold=1.2,
    source="notebook, 'Analysis of QK Circuit': no 'significant systematic V-Composition'",
)

STEERS = Claim(
    id="composition.l1-steers-l2",
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
)


def matrices(model, kind):
    """What heads write and what they read with, both of shape (layer, head, d_model, d_model)."""
    output, qk = model.W_OV.cpu().numpy(), model.W_QK.cpu().numpy()
    return output, input_matrices(output, qk, kind)


def over_chance(model, kind, early, late):
    """Mean score between two layers over that of matched random heads."""
    output, reader = matrices(model, kind)
    pair = composition_scores(output[[early, late]], reader[[early, late]])[0, :, 1]
    rng = np.random.default_rng(derive_seed(0, kind, early, late))
    return pair.mean() / composition_chance(output[early], reader[late], rng=rng).mean()


def composition_figure(kind):
    def figure(model, evidence):
        output, reader = matrices(model, kind)
        layers, heads = output.shape[:2]
        chance = composition_chance(output[0], reader[-1], rng=np.random.default_rng(derive_seed(0, kind)), draws=1)
        return figures.composition(
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


@NO_V_COMPOSITION(figure=composition_figure("v"))
def test_no_two_layers_v_compose(model):
    pairs = combinations(range(model.config.n_layers), 2)
    NO_V_COMPOSITION.check(max(over_chance(model, "v", early, late) for early, late in pairs))


@STEERS(figure=against_c)
@given(at=conditions(STEERS.domain))
def test_layer_1_steers_the_attention_of_layer_2(model, at):
    intact = model.intact(at)
    written = intact["blocks.1.hook_attn_out"]

    def errors(letters):
        with path_removed(model, layer=2, letters=letters, removed=written) as change:
            return intact.errors_from(layer=2), change

    steered, change = errors("qk")
    STEERS.check(
        torch.stack([steered, intact.errors], dim=-1),
        at,
        contrasts={STEERS.contrasts[0].name: lambda: torch.stack([errors("v")[0], steered], dim=-1)},
        changed=change.largest,
    )
