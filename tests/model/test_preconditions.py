"""What has to be true of a checkpoint before claims are asked of it, and of a model before one claim is."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from recint.checkpoint import Checkpoint, CheckpointError, ModelConfig
from recint.domain import Domain
from recint.model.preconditions import require_verifiable, unmet

from ..made_up import claim

CONFIG = ModelConfig(n_layers=2, n_heads=2)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"d_vocab": 39}, "d_vocab=39, but the recurrences of the claims have dimension 40"),
        ({"n_ctx": 12}, "n_ctx=12, but sequences of length=14 need 13 positions"),
        ({"order": 7}, "order=7, but .* which leaves nothing to predict from position 14 on"),
    ],
)
def test_a_checkpoint_that_recurrences_do_not_fit_is_refused(changes, said):
    require_verifiable(Checkpoint("m", CONFIG, {}), "m.pth")
    with pytest.raises(CheckpointError, match=f"^m.pth: {said}"):
        require_verifiable(Checkpoint("m", replace(CONFIG, **changes), {}), "m.pth")


@pytest.mark.parametrize(
    ("fields", "config", "said"),
    [
        ({"layers": (0, 2)}, {}, "speaks of layer 2, but the model has 2 of them"),
        ({"heads": (5,)}, {}, "speaks of head 5, but the model has 2 of them"),
        (
            {"reduction": "largest over median head"},
            {"n_heads": 1},
            "compares the heads of a layer, but the model has 1",
        ),
        ({"domain": Domain(length=(5, 5))}, {"order": 3}, "speaks of 5 terms, but at order=3 nothing can be predicted"),
        ({"orders": (1,)}, {"order": 2}, "speaks of recurrences of order 1, but the model has order=2"),
    ],
)
def test_a_claim_about_what_is_not_there_is_not_asked(fields, config, said):
    assert unmet(claim(**fields | {"layers": (), "heads": (), "orders": ()}), SimpleNamespace(config=CONFIG)) == ""
    told = unmet(claim(**fields), SimpleNamespace(config=replace(CONFIG, **config)))
    assert told.startswith(f"test.claim: {said}")
