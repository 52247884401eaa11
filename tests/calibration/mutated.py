"""Models to break, broken ones, and what claims measure on both."""

from dataclasses import replace
from functools import cache

import torch

from recint.calibration.mutants import MUTANTS, mutate
from recint.calibration.planted import plant
from recint.calibration.roles import SMALL, Roles
from recint.catalogue import properties
from recint.checkpoint import ModelConfig, load
from recint.model import Model
from recint.model.untrained import untrained
from recint.recurrence import REFERENCE

from ..conftest import AFFINE_A

PROPERTIES = {prop.claim.id: prop for prop in properties()}
BY_NAME = {mutant.name: mutant for mutant in MUTANTS}


def biased(checkpoint):
    """Every tensor moved, so that no LayerNorm weight is 1 and no bias 0."""
    return replace(
        checkpoint,
        tensors={
            name: tensor + 0.1 * torch.sin(torch.arange(tensor.numel())).view(tensor.shape)
            for name, tensor in checkpoint.tensors.items()
        },
    )


BASES = {
    "planted": lambda: plant(Roles()),
    "affine-a": lambda: load(AFFINE_A),
    "biased": lambda: biased(untrained(SMALL, seed=0, init_range=0.2)),
}


@cache
def base(name):
    return BASES[name]()


@cache
def model(name, mutant=None):
    return Model(base(name) if mutant is None else mutate(base(name), BY_NAME[mutant]))


@cache
def statistic(claim, name, mutant=None):
    return measured(PROPERTIES[claim], model(name, mutant))


def measured(prop, of):
    return prop.measure(
        of, prop.claim.domain.reference(ModelConfig(), batch=64, seed=0) if prop.claim.quantifier != "weights" else None
    ).value


def at_random(config, batch=16):
    return replace(REFERENCE, dim=config.d_vocab).sample(batch, seed=0)
