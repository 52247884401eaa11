"""The circuit as a whole: the roles of the three layers, put in place of the model's own attention, carry the behaviour.

The notebook ends with an equation: layer 0 adds the previous term, layer 1 adds the second term, and layer 2 subtracts what is
similar to the query. The claims test this by the three criteria of Shi et al., arXiv:2410.13032. Each has a contrast with chance:

- Sufficiency: with these roles the model must do better than with the same roles in the wrong layers, or with random patterns.
- Partial necessity: cutting the edges of the circuit must cost more than cutting as many random edges.
- Minimality: no role can be left out.

The first versions measure the cost as a multiple of the model's own error. The amended versions measure it as a share of what the
model gains over copying the last term. They also test every layer and role by itself: if several roles are tested together, one
strong role can hide that the others do nothing.
"""

from functools import partial

import torch
from hypothesis import given

from recint.claim import Claim, Contrast, Unmet
from recint.claim_figures import against_c, with_heads
from recint.domain import Domain
from recint.model.gain import (
    BOTH_HALVES,
    MATTERS,
    NO_RATIO,
    RATIO_CAVEAT,
    SMALL_CONTRAST,
    check_share,
    copying_errors,
    costs_twice,
    loss_shares,
    matters_and_costs_twice,
)
from recint.model.interventions import (
    all_of,
    attention_cut,
    attention_replaced,
    key_pattern,
    previous_token_pattern,
    qk_replaced,
    uniform_pattern,
)
from recint.model.stand_ins import qk_identity
from recint.statistics.attention import most_similar_key
from recint.strategies import conditions
from recint.system.seeds import derive_seed

SOURCE = "notebook, 'Analysis', the summary of roles; criteria: arXiv:2410.13032"
DRAWN = 2  # results are averaged over so many low-rank identities, and over so many random circuits
FEW = 32  # recurrences at each condition of a search: a trial takes several passes

SUFFICIENT = Claim(
    id="circuit.sufficient",
    statement="The roles, put in place of the attention of the model, carry the behaviour.",
    layers=(0, 1, 2),
    quantifier="average",
    statistic="MSE with previous term, position 1 and low-rank identity in layers 0, 1, 2 / MSE",
    relation="<=",
    threshold=10.0,
    reduction="ratio of means",
    mse_ratio=True,
    contrasts=tuple(
        Contrast(
            name=name,
            statistic="MSE of the circuit / MSE of these",
            relation="<=",
            threshold=0.5,
            reduction="ratio of means",
        )
        for name in ("the three roles dealt to the wrong layers", "random circuits of the same size")
    ),
    source=SOURCE,
    caveat=RATIO_CAVEAT,
)

CIRCUIT = ("previous term", "position 1", "identity")  # the roles of layers 0, 1 and 2
WRONG = (("position 1", "identity", "previous term"), ("identity", "previous term", "position 1"))
# The keys that queries of layers 0, 1 and 2 attend to.
EDGES = ("the previous term", "position 1", "what is most similar")
NUMBERS = (("low-rank identities and random circuits", DRAWN),)
OTHER_ROLES, RANDOM = "the roles of the other layers instead", "random attention instead"

SUFFICIENT_BY_SHARE = SUFFICIENT.amended(
    id="circuit.sufficient@2",
    because=NO_RATIO,
    statement="The roles, put in place of the attention of the model, cost at most 10 % of the gain over copying.",
    statistic="share of the gain over copying that is lost with previous term, position 1 and low-rank identity in layers 0, 1, 2",
    threshold=MATTERS,
    mse_ratio=False,
    loss_share=True,
    contrasts=tuple(costs_twice(contrast.name, of="the claim") for contrast in SUFFICIENT.contrasts),
    constants=NUMBERS,
    caveat=SMALL_CONTRAST,
)

SUFFICIENT_BESIDE_WHAT_MATTERS = SUFFICIENT_BY_SHARE.amended(
    id="circuit.sufficient@3",
    because=BOTH_HALVES,
    contrasts=tuple(
        half for contrast in SUFFICIENT.contrasts for half in matters_and_costs_twice(contrast.name, of="the claim")
    ),
)


def sufficient_alone(id, layer):
    return Claim(
        id=id,
        statement=f"The role of layer {layer}, {CIRCUIT[layer]}, in place of its attention alone costs at most 10 % of the gain.",
        layers=(layer,),
        quantifier="average",
        statistic=f"share of the gain over copying that is lost with {CIRCUIT[layer]} in layer {layer}",
        relation="<=",
        threshold=MATTERS,
        reduction="ratio of means",
        loss_share=True,
        contrasts=tuple(costs_twice(name, of="the claim") for name in (OTHER_ROLES, RANDOM)),
        constants=NUMBERS,
        source=SOURCE,
        caveat=f"{SMALL_CONTRAST}; of the roles of the other layers, one may cost enough for both",
    )


PREVIOUS_TERM_SUFFICES = sufficient_alone("circuit.sufficient.l0", layer=0)
POSITION_1_SUFFICES = sufficient_alone("circuit.sufficient.l1", layer=1)
IDENTITY_SUFFICES = sufficient_alone("circuit.sufficient.l2", layer=2)


def sufficient_beside_each(alone, id):
    (layer,) = alone.layers
    others = (*(f"{name} instead" for name in CIRCUIT if name != CIRCUIT[layer]), RANDOM)
    return alone.amended(
        id=id,
        because=f"{BOTH_HALVES}, and each of the other layers' roles by itself, where their mean had to",
        contrasts=tuple(half for name in others for half in matters_and_costs_twice(name, of="the claim")),
    )


PREVIOUS_TERM_BESIDE_EACH = sufficient_beside_each(PREVIOUS_TERM_SUFFICES, "circuit.sufficient.l0@2")
POSITION_1_BESIDE_EACH = sufficient_beside_each(POSITION_1_SUFFICES, "circuit.sufficient.l1@2")
IDENTITY_BESIDE_EACH = sufficient_beside_each(IDENTITY_SUFFICES, "circuit.sufficient.l2@2")

NECESSARY = Claim(
    id="circuit.partly-necessary",
    statement="To cut the circuit's edges costs more than to cut as many others.",
    layers=(0, 1, 2),
    quantifier="average",
    statistic="MSE without each query's edges of the circuit / MSE without as many random others",
    relation=">=",
    threshold=2.0,
    reduction="ratio of means",
    mse_ratio=True,
    source=SOURCE,
    caveat="a bundle of three layers, and it is layer 0 that makes the ratio",
)

NECESSARY_BY_LAYER = NECESSARY.amended(
    id="circuit.partly-necessary@2",
    because="a bundle: layer 0 alone makes the ratio, and for layer 2 the opposite holds; now every layer by itself has to cost a "
    "share of what the model gains over copying",
    statement="To cut the circuit's edges in any one layer costs at least 10 % of the gain, and twice what as many others cost.",
    statistic="share of the gain over copying that is lost without a layer's edges of the circuit, smallest over layers",
    threshold=MATTERS,
    reduction="smallest ratio over heads",
    parts=tuple(f"layer {layer}: {edges}" for layer, edges in enumerate(EDGES)),
    mse_ratio=False,
    loss_share=True,
    contrasts=(
        Contrast(
            name="as many random others",
            statistic="loss of the claim - twice that of these, as a share of the gain, smallest over layers",
            relation=">=",
            threshold=0.0,
            reduction="smallest ratio over heads",
        ),
    ),
)


def necessary_alone(id, layer):
    return Claim(
        id=id,
        statement=f"To cut what the queries of layer {layer} look at by their role, {EDGES[layer]}, costs at least 10 % of the "
        "gain, and twice what as many others cost.",
        layers=(layer,),
        quantifier="average",
        statistic=f"share of the gain over copying that is lost without {EDGES[layer]} in layer {layer}",
        relation=">=",
        threshold=MATTERS,
        reduction="ratio of means",
        loss_share=True,
        contrasts=(
            Contrast(
                name="as many random others",
                statistic="loss of the claim - twice that of these, as a share of the gain",
                relation=">=",
                threshold=0.0,
                reduction="ratio of means",
            ),
        ),
        source=SOURCE,
    )


PREVIOUS_TERM_NECESSARY = necessary_alone("circuit.partly-necessary.l0", layer=0)
POSITION_1_NECESSARY = necessary_alone("circuit.partly-necessary.l1", layer=1)
SIMILAR_NECESSARY = necessary_alone("circuit.partly-necessary.l2", layer=2)

MINIMAL = Claim(
    id="circuit.minimal",
    statement="No role of the circuit can be left out.",
    layers=(0, 1, 2),
    quantifier="average",
    statistic="MSE of the circuit with uniform attention for one role / MSE of the circuit, smallest over roles",
    relation=">=",
    threshold=2.0,
    reduction="smallest ratio over heads",
    parts=("without previous term", "without position 1", "without identity"),
    mse_ratio=True,
    source=SOURCE,
    caveat="asks which role of a circuit matters that carries nothing: put in place of the attention, it does worse than copying",
)

MINIMAL_BY_SHARE = MINIMAL.amended(
    id="circuit.minimal@2",
    because="it was asked where the circuit carries nothing, and there no role can be missed; now only where it beats copying, as "
    "a share of what the circuit gains",
    statement="No role of the circuit can be left out: without it, at least 10 % of what the circuit gains is lost.",
    statistic="share of the circuit's gain over copying that is lost with uniform attention for one role, smallest over roles",
    threshold=MATTERS,
    mse_ratio=False,
    loss_share=True,
)


def role(model, at, name, layer, number):
    """An intervention that makes a layer play a role. Its `number` selects one of the low-rank identities or random patterns."""
    if name == "identity":
        heads = range(model.config.n_heads)
        W_Q, W_K = qk_identity(model, heads=len(heads), number=number)
        return qk_replaced(model, layer=layer, heads=heads, W_Q=W_Q, W_K=W_K)
    batch, queries, _ = model.intact(at).recurrences.inputs.shape
    generator = torch.Generator().manual_seed(derive_seed(at.seed, "random role", layer, number))
    patterns = {
        "previous term": lambda: previous_token_pattern(queries, order=model.config.order),
        "position 1": lambda: key_pattern(torch.ones(queries, dtype=torch.long)),
        "nothing": lambda: uniform_pattern(queries),
        "random": lambda: key_pattern(
            (torch.rand(batch, queries, generator=generator) * torch.arange(1, queries + 1)).long()
        ),
    }
    return attention_replaced(model, layer=layer, pattern=patterns[name]())


def errors_of(model, at, *deals):
    """MSE of each recurrence with a role in each layer, mean over deals, and the smallest change of an intervention.

    A deal is a pair: the roles of the layers, and the number of the random draws.
    """
    intact = model.intact(at)

    def measure(roles, number):
        with all_of(*(role(model, at, name, layer, number) for layer, name in enumerate(roles))) as change:
            errors = intact.errors_from(layer=0)
        return errors, change.largest

    found = [intact.once((roles, number), partial(measure, roles, number)) for roles, number in deals]
    return torch.stack([errors for errors, _ in found]).mean(0), min(changed for _, changed in found)


def several(roles):
    return [(roles, number) for number in range(DRAWN)]


@SUFFICIENT(figure=against_c)
@given(at=conditions(SUFFICIENT.domain, batch=FEW))
def test_the_roles_carry_the_behaviour(model, at):
    intact = model.intact(at)
    circuit, changed = errors_of(model, at, *several(CIRCUIT))
    wrong, random = (contrast.name for contrast in SUFFICIENT.contrasts)

    def against(*deals):
        return torch.stack([circuit, errors_of(model, at, *deals)[0]], dim=-1)

    SUFFICIENT.check(
        torch.stack([circuit, intact.errors], dim=-1),
        at,
        contrasts={
            wrong: lambda: against(*((roles, 0) for roles in WRONG)),
            random: lambda: against(*several(("random",) * 3)),
        },
        changed=changed,
    )


def sufficiency_by_share(claim):
    @claim(figure=against_c)
    @given(at=conditions(claim.domain, batch=FEW))
    def test(model, at):
        circuit, changed = errors_of(model, at, *several(CIRCUIT))
        wrong, random = (contrast.name for contrast in SUFFICIENT.contrasts)
        instead = {
            wrong: lambda: errors_of(model, at, *((roles, 0) for roles in WRONG))[0],
            random: lambda: errors_of(model, at, *several(("random",) * 3))[0],
        }
        check_share(claim, model, at, errors=circuit, changed=changed, instead=instead)

    return test


test_the_roles_carry_the_behaviour_by_share = sufficiency_by_share(SUFFICIENT_BY_SHARE)
test_the_roles_carry_the_behaviour_where_others_do_not = sufficiency_by_share(SUFFICIENT_BESIDE_WHAT_MATTERS)


def one_layer(model, at, layer, *names):
    """MSE of each recurrence with a role in one layer only, mean over these roles and their draws, and the smallest change."""
    intact = model.intact(at)

    def measure(name, number):
        with role(model, at, name, layer, number) as change:
            errors = intact.errors_from(layer=layer)
        return errors, change.largest

    found = [
        intact.once(("alone", layer, name, number), partial(measure, name, number))
        for name in names
        for number in range(DRAWN if name in ("identity", "random") else 1)
    ]
    return torch.stack([errors for errors, _ in found]).mean(0), min(changed for _, changed in found)


def sufficiency_alone(claim, layer):
    @claim(figure=against_c)
    @given(at=conditions(claim.domain, batch=FEW))
    def test(model, at):
        errors, changed = one_layer(model, at, layer, CIRCUIT[layer])
        others = [name for name in CIRCUIT if name != CIRCUIT[layer]]
        roles = {OTHER_ROLES: others, RANDOM: ["random"]} | {f"{name} instead": [name] for name in others}
        instead = {name: partial(lambda which: one_layer(model, at, layer, *which)[0], roles[name]) for name in roles}
        check_share(claim, model, at, errors=errors, changed=changed, instead=instead)

    return test


test_previous_term_is_enough_for_layer_0 = sufficiency_alone(PREVIOUS_TERM_SUFFICES, 0)
test_position_1_is_enough_for_layer_1 = sufficiency_alone(POSITION_1_SUFFICES, 1)
test_identity_is_enough_for_layer_2 = sufficiency_alone(IDENTITY_SUFFICES, 2)
test_no_other_role_is_enough_for_layer_0 = sufficiency_alone(PREVIOUS_TERM_BESIDE_EACH, 0)
test_no_other_role_is_enough_for_layer_1 = sufficiency_alone(POSITION_1_BESIDE_EACH, 1)
test_no_other_role_is_enough_for_layer_2 = sufficiency_alone(IDENTITY_BESIDE_EACH, 2)


def edges_of(model, at):
    """Two masks of (recurrence, query, key) for each layer: the keys that its role attends to, and as many random other keys."""
    intact = model.intact(at)

    def measure():
        batch, queries, _ = intact.recurrences.inputs.shape
        to_position_1 = key_pattern(torch.ones(queries, dtype=torch.long))
        edges = [
            (previous_token_pattern(queries, order=model.config.order) > 0).expand(batch, -1, -1),
            (to_position_1 > 0).expand(batch, -1, -1),
        ]
        if model.config.n_layers > 2:
            edges.append(key_pattern(most_similar_key(intact["blocks.2.hook_resid_pre"]).cpu()) > 0)
        generator = torch.Generator().manual_seed(derive_seed(at.seed, "random edges"))
        return edges, [as_many_others(keys, generator) for keys in edges]

    return intact.once("edges of the circuit", measure)


@NECESSARY(figure=against_c)
@given(at=conditions(NECESSARY.domain, batch=FEW))
def test_the_edges_of_the_circuit_are_needed(model, at):
    intact = model.intact(at)
    edges, others = edges_of(model, at)

    def errors(cut):
        with all_of(*(attention_cut(model, layer=layer, keys=keys) for layer, keys in enumerate(cut))) as change:
            return intact.errors_from(layer=0), change

    without, change = errors(edges)
    beside, _ = errors(others)
    NECESSARY.check(torch.stack([without, beside], dim=-1), at, changed=change.largest)


def shares_without_edges(model, at, layer):
    """Loss shares of each recurrence without the edges of one layer, the values of the contrast, and the largest change.

    The contrast cuts as many other edges. Both values have shape (recurrence, 2): a loss and the gain over copying.
    """
    intact = model.intact(at)

    def errors(keys):
        with attention_cut(model, layer=layer, keys=keys) as change:
            return intact.errors_from(layer=layer), change.largest

    def measure():
        edges, others = edges_of(model, at)
        without, changed = errors(edges[layer])
        loss, gain = loss_shares(model, intact, without).unbind(1)
        beside = loss - 2 * (errors(others[layer])[0] - intact.errors)
        return torch.stack([loss, gain], dim=1), torch.stack([beside, gain], dim=1), changed

    return intact.once(("edges cut", layer), measure)


@NECESSARY_BY_LAYER(figure=with_heads)
@given(at=conditions(NECESSARY_BY_LAYER.domain, batch=FEW))
def test_the_edges_of_every_layer_are_needed(model, at):
    shares, beside, changed = zip(*(shares_without_edges(model, at, layer) for layer in range(3)), strict=True)
    NECESSARY_BY_LAYER.check(
        torch.stack(shares, dim=-1),
        at,
        contrasts={NECESSARY_BY_LAYER.contrasts[0].name: lambda: torch.stack(beside, dim=-1)},
        changed=min(changed),
    )


def necessity_alone(claim, layer):
    @claim(figure=against_c)
    @given(at=conditions(claim.domain, batch=FEW))
    def test(model, at):
        shares, beside, changed = shares_without_edges(model, at, layer)
        claim.check(shares, at, contrasts={claim.contrasts[0].name: lambda: beside}, changed=changed)

    return test


test_layer_0_needs_its_edges_to_the_previous_term = necessity_alone(PREVIOUS_TERM_NECESSARY, 0)
test_layer_1_needs_its_edges_to_position_1 = necessity_alone(POSITION_1_NECESSARY, 1)
test_layer_2_needs_its_edges_to_what_is_similar = necessity_alone(SIMILAR_NECESSARY, 2)


def as_many_others(keys, generator):
    """For every query, as many random visible keys that are not in `keys`; all of these if they are fewer."""
    queries = keys.shape[-1]
    allowed = torch.ones(queries, queries, dtype=torch.bool).tril() & ~keys
    ranks = torch.rand(keys.shape, generator=generator).masked_fill(~allowed, 2.0).argsort(-1).argsort(-1)
    return (ranks < keys.sum(-1, keepdim=True)) & allowed


@MINIMAL(figure=with_heads)
@given(at=conditions(MINIMAL.domain, batch=FEW))
def test_no_role_can_be_left_out(model, at):
    circuit, changed = errors_of(model, at, (CIRCUIT, 0))
    without = [(*CIRCUIT[:layer], "nothing", *CIRCUIT[layer + 1 :]) for layer in range(len(CIRCUIT))]
    errors = torch.stack([errors_of(model, at, (roles, 0))[0] for roles in without], dim=-1)
    MINIMAL.check(torch.stack([errors, circuit[:, None].expand_as(errors)], dim=1), at, changed=changed)


@MINIMAL_BY_SHARE(figure=with_heads)
@given(at=conditions(MINIMAL_BY_SHARE.domain, batch=FEW))
def test_no_role_of_a_circuit_that_carries_something_can_be_left_out(model, at):
    error, copying = model.once("error of the circuit and of copying", lambda: circuit_and_copying(model))
    if error >= copying:
        raise Unmet(
            f"the circuit's MSE of {error:.2g} does not beat the {copying:.2g} of predicting a_i: it carries nothing"
        )
    intact = model.intact(at)
    circuit, changed = errors_of(model, at, (CIRCUIT, 0))
    without = [(*CIRCUIT[:layer], "nothing", *CIRCUIT[layer + 1 :]) for layer in range(len(CIRCUIT))]
    losses = torch.stack([errors_of(model, at, (roles, 0))[0] - circuit for roles in without], dim=-1)
    gain = copying_errors(intact) - circuit
    MINIMAL_BY_SHARE.check(torch.stack([losses, gain[:, None].expand_as(losses)], dim=1), at, changed=changed)


def circuit_and_copying(model):
    """MSE of the circuit, and MSE of predicting a_i again, over reference recurrences."""
    at = Domain().reference(model.config, batch=200, seed=derive_seed(0, "does the circuit beat copying"))
    errors, _ = errors_of(model, at, (CIRCUIT, 0))
    return float(errors.mean()), float(copying_errors(model.intact(at)).mean())
