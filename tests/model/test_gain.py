"""The gain over copying, and shares of it, against plain sums."""

from dataclasses import asdict

import pytest
import torch

from recint.calibration.solver import Solver
from recint.checkpoint import ModelConfig, TaskConfig
from recint.claim import Claim
from recint.domain import Between, Condition
from recint.judging.claim import Unmet
from recint.judging.observation import observing
from recint.model import Model
from recint.model.gain import (
    check_share,
    copying_errors,
    costs_twice,
    error_and_copying,
    gains,
    loss_shares,
    matters_and_costs_twice,
    require_telling,
)
from recint.model.intact import Intact
from recint.model.untrained import untrained
from recint.task import Task

from ..conftest import SMALL

AT = Condition(c=Between(-2.0, 2.0), batch=20)


@pytest.fixture(params=["good", "untrained"])
def model(request):
    return (
        Solver(config=ModelConfig(d_vocab=3), mse=1e-4) if request.param == "good" else Model(untrained(SMALL, seed=0))
    )


def test_the_gain_is_what_copying_is_off_by_more_and_positive_for_untrained_models_too(model):
    intact = Intact(model, AT.sample(model.config))
    terms = intact.recurrences.terms
    by_hand = (terms[:, :-1] - terms[:, 1:])[:, 2:].square().mean((1, 2))
    assert torch.allclose(copying_errors(intact), by_hand)
    error, copying = error_and_copying(model)
    difference = by_hand - intact.errors
    assert torch.allclose(gains(model, intact), difference if error < copying else -difference, atol=1e-6)
    assert gains(model, intact).mean() > 0


def test_rows_of_a_share_are_loss_above_gain_for_every_head(model):
    intact = Intact(model, AT.sample(model.config))
    errors = intact.errors[:, None] * torch.tensor([1.0, 2.0, 3.0])
    shares = loss_shares(model, intact, errors)
    assert shares.shape == (20, 2, 3)
    for head in range(3):
        assert torch.allclose(shares[:, 0, head], head * intact.errors, atol=1e-6)
        assert torch.equal(shares[:, 1, head], gains(model, intact))
    assert loss_shares(model, intact, intact.errors).shape == (20, 2)


def test_what_is_done_instead_is_held_to_twice_the_cost_and_to_a_share_by_itself(model):
    def claim(*beside):
        return Claim(
            id="test.claim",
            statement="-",
            quantifier="average",
            statistic="loss",
            relation="<=",
            threshold=0.1,
            source="-",
            reduction="ratio of means",
            contrasts=beside,
        )

    calls = []

    def checked(made, errors, *names):
        """What the claim's check hands on, with 7 times the error instead of what it does."""

        class Body:
            def observe(self, observation):
                seen.append(observation)

            contrasts = True

        def instead():
            calls.append(1)
            return 7 * intact.errors

        seen = []
        with observing(Body()):
            check_share(made, model, AT, errors=errors, changed=1.0, instead=dict.fromkeys(names, instead))
        return seen[0]

    intact = model.intact(AT)
    both = claim(*matters_and_costs_twice("noise", of="it"))
    found = checked(both, 3 * intact.errors, "noise", "not asked")
    own, gain = intact.errors.numpy(), gains(model, intact).numpy()
    assert list(found.contrasts) == ["noise", "noise, by itself"]
    assert found.contrasts["noise"][:, 0] == pytest.approx((6 - 2 * 2) * own, abs=1e-5)
    assert found.contrasts["noise, by itself"][:, 0] == pytest.approx(6 * own, abs=1e-5)
    for values in found.contrasts.values():
        assert (values[:, 1] == gain).all()
    assert found.values[:, 0] == pytest.approx(2 * own, abs=1e-5)
    assert found.changed == 1.0
    assert len(calls) == 1, "what both halves read is measured once"
    assert list(checked(claim(costs_twice("noise", of="it")), intact.errors, "noise").contrasts) == ["noise"]
    assert [(bar.relation, bar.threshold) for bar in both.contrasts] == [(">=", 0.0), (">=", 0.1)]


class TestThresholdsThatTell:
    def test_on_the_notebooks_task_they_do(self, model):
        require_telling(model, 2e-4, every=False)
        require_telling(model, 2e-3, every=True)

    @pytest.mark.parametrize(
        ("changes", "why"),
        [
            ({"noise": 0.1}, "terms are read with noise of 0.1"),
            ({"cap": (0.01, 0.02)}, "the best simple predictor of this task has an MSE of"),
        ],
    )
    def test_on_others_they_need_not(self, changes, why):
        config = TaskConfig(**asdict(SMALL), task=Task(**changes))
        for threshold, every in ((2e-4, False), (2e-3, True)):
            with pytest.raises(Unmet, match=why):
                require_telling(Model(untrained(config, seed=0)), threshold, every=every)
