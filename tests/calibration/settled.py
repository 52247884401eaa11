"""Which claims a construction settles, and whether they hold of a model."""

from recint.catalogue import properties
from recint.checkpoint import ModelConfig
from recint.judging.statistic import passes

PROPS = properties()
CLAIMS = [prop.claim for prop in PROPS]


def settled(positive):
    """The truth of the claims that a positive control settles, and their properties."""
    truth = positive.truth(CLAIMS)
    return truth, [prop for prop in PROPS if prop.claim.id in truth]


def holds(prop, model, *, batch=100):
    """Whether a claim and all its contrasts hold on a batch of recurrences, whatever a search would find."""
    claim = prop.claim
    seen = prop.measure(model, claim.domain.reference(ModelConfig(), batch=batch, seed=0))
    elsewhere = {
        contrast.name: prop.measure(model, contrast.domain.reference(ModelConfig(), batch=batch, seed=0)).values
        for contrast in claim.contrasts
        if contrast.domain
    }
    beside = seen.contrasts | elsewhere
    return passes(claim, seen.values) and all(passes(contrast, beside[contrast.name]) for contrast in claim.contrasts)
