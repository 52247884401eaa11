"""The circuit as a whole: the roles of the three layers, put in place of the model's own attention, carry the behaviour.

The notebook ends with an equation: layer 0 adds the previous term, layer 1 the second one, layer 2 subtracts what is similar.
That is asked in the three ways of Shi et al., arXiv:2410.13032, each beside what chance would do: the roles must do better
than the same roles dealt to the wrong layers and than random patterns (sufficiency); to cut their edges must cost more than to
cut as many others (partial necessity); and none may be left out (minimality). "Matters" means a factor of 2, as elsewhere.
"""

from functools import partial

import torch
from hypothesis import given

from recint.claim import Claim, Contrast
from recint.interventions import (
    all_of,
    attention_cut,
    attention_replaced,
    key_pattern,
    previous_token_pattern,
    qk_replaced,
    uniform_pattern,
)
from recint.landscape import against_c, with_heads
from recint.recurrence import derive_seed
from recint.stand_ins import qk_identity
from recint.statistics.attention import most_similar_key
from recint.strategies import conditions

SOURCE = "notebook, 'Analysis', the summary of roles; criteria: arXiv:2410.13032"
DRAWN = 2  # low-rank identities, and random circuits, that are averaged over
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
)

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
)

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
)


def role(model, at, name, layer, number):
    """An intervention that lets a layer play a role; low-rank identities, and random roles of each recurrence, differ by number."""
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


CIRCUIT = ("previous term", "position 1", "identity")
WRONG = (("position 1", "identity", "previous term"), ("identity", "previous term", "position 1"))


def errors_of(model, at, *deals):
    """MSE of each recurrence with a role in each layer, mean over deals, and the change where it is least."""
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


@NECESSARY(figure=against_c)
@given(at=conditions(NECESSARY.domain, batch=FEW))
def test_the_edges_of_the_circuit_are_needed(model, at):
    intact = model.intact(at)
    batch, queries, _ = intact.recurrences.inputs.shape
    to_position_1 = key_pattern(torch.ones(queries, dtype=torch.long))
    edges = [
        (previous_token_pattern(queries, order=model.config.order) > 0).expand(batch, -1, -1),
        (to_position_1 > 0).expand(batch, -1, -1),
        key_pattern(most_similar_key(intact["blocks.2.hook_resid_pre"]).cpu()) > 0,
    ]
    generator = torch.Generator().manual_seed(derive_seed(at.seed, "random edges"))

    def errors(cut):
        with all_of(*(attention_cut(model, layer=layer, keys=keys) for layer, keys in enumerate(cut))) as change:
            return intact.errors_from(layer=0), change

    without, change = errors(edges)
    beside, _ = errors([as_many_others(keys, generator) for keys in edges])
    NECESSARY.check(torch.stack([without, beside], dim=-1), at, changed=change.largest)


def as_many_others(keys, generator):
    """For every query as many random keys that it sees and that are not among these, or all there are."""
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
