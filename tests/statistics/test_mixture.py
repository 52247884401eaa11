"""What one mixture for all recurrences says of its parts: against a plain fit, and where a rival of a_(i-1) is what is there."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hypotheses.layer_0 import FROM, PARTS, PREVIOUS, RIVALS, kept, mixed
from recint.domain import Between, Condition
from recint.model.intact import Intact
from recint.recurrence import REFERENCE
from recint.statistics.mixture import Mixture

from ..conftest import SMALL
from ..passes import biased


def drawn(recurrences=30, positions=4, parts=3, dim=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    parts = torch.randn(recurrences, positions, parts, dim, generator=generator)
    whole = torch.randn(recurrences, positions, dim, generator=generator)
    return parts, whole, 0.5 + torch.rand(recurrences, positions, generator=generator)


def test_a_mixture_is_the_least_squares_fit_of_every_position():
    parts, whole, scale = drawn()
    found = Mixture.fit(parts, whole, scale=scale)
    left = found.left(parts, whole, scale=scale)
    for position in range(whole.shape[1]):
        rows, rights = [], []
        for r in range(len(whole)):
            for k in range(whole.shape[2]):
                offset = np.eye(whole.shape[2])[k]
                rows.append(np.concatenate([parts[r, position, :, k].numpy(), offset]) / scale[r, position].item())
                rights.append(whole[r, position, k].item() / scale[r, position].item())
        solution = np.linalg.lstsq(np.array(rows), np.array(rights), rcond=None)[0]
        assert found.coefficients[position].numpy() == pytest.approx(solution[:3], abs=1e-6)
        assert found.offset[position].numpy() == pytest.approx(solution[3:], abs=1e-6)
        misses = (np.array(rights) - np.array(rows) @ solution).reshape(len(whole), -1)
        assert left[:, position].numpy() == pytest.approx((misses**2).sum(1), rel=1e-6)


def test_shorter_sequences_are_held_to_the_first_positions():
    parts, whole, scale = drawn()
    found = Mixture.fit(parts, whole, scale=scale)
    short = found.left(parts[:, :2], whole[:, :2], scale=scale[:, :2])
    assert torch.equal(short, found.left(parts, whole, scale=scale)[:, :2])


def test_what_is_not_finite_is_an_error():
    parts, whole, scale = drawn()
    found = Mixture.fit(parts, whole, scale=scale)
    with pytest.raises(ValueError, match="residual are NaN or infinite"):
        found.left(parts, whole * torch.nan, scale=scale)


AT = Condition(c=Between(-2.0, 2.0), length=9, batch=6)


@pytest.fixture(scope="module")
def model():
    return biased(replace(SMALL, n_layers=3, n_heads=3))


def test_the_parts_are_what_their_names_say(model):
    made = mixed(model.intact(AT), model)
    recurrences, eps = AT.sample(model.config), model.config.layer_norm_eps
    terms = recurrences.inputs
    seen = model.activations(terms, "blocks.0.hook_resid_pre", "blocks.0.hook_resid_post")
    before, after = seen["blocks.0.hook_resid_pre"], seen["blocks.0.hook_resid_post"]

    def spread(vector):
        return (vector.var(correction=0) + eps).sqrt()

    for r in range(len(terms)):
        as_read = [terms[r, i] / spread(before[r, i]) for i in range(terms.shape[1])]
        offset = recurrences.offset[r]
        for i in range(FROM, terms.shape[1]):
            by_name = {
                "a_i": terms[r, i],
                "a_i as LayerNorm scales it": as_read[i],
                "a_(i-1)": as_read[i - 1],
                "a_(i-2)": as_read[i - 2],
                "the mean of the terms": torch.stack(as_read[: i + 1]).mean(0),
                "d": offset / spread(offset @ model.bridge.W_E),
            }
            for name, part in zip(PARTS, made["parts"][r, i - FROM], strict=True):
                assert torch.allclose(part, by_name[name], atol=1e-5), name
            whole = (after[r, i] - after[r, i].mean()) @ model.bridge.W_U
            assert torch.allclose(made["whole"][r, i - FROM], whole, atol=1e-4)
            assert made["scale"][r, i - FROM].item() == pytest.approx(spread(after[r, i]).item(), rel=1e-5)


@pytest.mark.parametrize("there", [PREVIOUS, *RIVALS])
def test_each_part_is_told_from_the_others_though_all_lie_in_one_plane(model, there):
    """The stream is made of a_i and one other part; leaving out that part, and no other, leaves much unexplained."""

    def made_of(seed):
        recurrences = replace(REFERENCE, dim=model.config.d_vocab).sample(200, seed=seed)
        made = mixed(Intact(model, recurrences), model)
        generator = torch.Generator().manual_seed(seed)
        noise = 0.1 * torch.randn(made["whole"].shape, generator=generator) * made["scale"][..., None]
        part = made["parts"][:, :, PARTS.index(there)]
        return made["parts"], made["parts"][:, :, 0] + part / part.square().mean().sqrt() + noise, made["scale"]

    fitted, judged = made_of(0), made_of(1)

    def left(without):
        parts, whole, scale = fitted
        mixture = Mixture.fit(parts[:, :, kept(without)], whole, scale=scale)
        parts, whole, scale = judged
        return mixture.left(parts[:, :, kept(without)], whole, scale=scale).mean().item()

    everything = left(None)
    for name in (PREVIOUS, *RIVALS):
        explained = 1 - everything / left(name)
        assert explained > 0.5 if name == there else explained < 0.1, (name, explained)
