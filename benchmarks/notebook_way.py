"""How much faster the replication table is than the notebook's loops, for the same recurrences and the same numbers.

    python benchmarks/notebook_way.py [CHECKPOINT] [--recurrences 200] [--seed 0]

The loops work like those of a notebook: one recurrence at a time, and inside it one position, head or row at a time. They measure
both columns of the table for each number that depends on recurrences. Functions of the weights alone are left out on both sides.
The time is CPU time of one thread, after the model has run once.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch
from scipy.stats import linregress
from torch import Tensor, nn

from recint.checkpoint import load
from recint.model import Model
from recint.model.interventions import attention_replaced, qk_replaced, uniform_pattern
from recint.model.stand_ins import STAND_INS, qk_identity
from recint.recurrence import Recurrences
from recint.replication.data import Data
from recint.replication.prediction_errors import SHORT
from recint.replication.table import NUMBERS, replicate
from recint.subjects import REFERENCE_CHECKPOINT
from recint.system.seeds import derive_seed
from recint.system.threads import limit_threads

Ways = tuple[float, float | None]  # the notebook's way and the sound way
LOOPS: dict[str, Callable[["Notebook"], Ways]] = {}


def loop(number: str) -> Callable[[Callable[["Notebook"], Ways]], Callable[["Notebook"], Ways]]:
    """Declare a function that measures this number of the table, one recurrence at a time."""

    def declare(measure: Callable[["Notebook"], Ways]) -> Callable[["Notebook"], Ways]:
        LOOPS[number] = measure
        return measure

    return declare


def one_by_one(batches: list[Any]) -> Iterator[Tensor]:
    """The terms of each single recurrence, shape (1, length, dim)."""
    for batch in batches:
        drawn = batch if isinstance(batch, Recurrences) else batch.recurrences
        for terms in drawn.terms:
            yield terms[None]


class Notebook:
    """The state of a notebook: the model, the recurrences, and values that several numbers need."""

    def __init__(self, data: Data) -> None:
        self.data, self.model, self.bridge, self.config = data, data.model, data.model.bridge, data.model.config
        self.first = 2 * self.config.order
        self.layers, self.heads = range(self.config.n_layers), range(self.config.n_heads)

    def cached(self, vecs: Tensor) -> tuple[Tensor, Any]:
        return self.bridge.run_with_cache(vecs[:, :-1] @ self.bridge.W_E)

    def loss(self, vecs: Tensor, hooks: list[tuple[str, Callable[..., Tensor]]] | None = None) -> float:
        predicted = self.bridge.run_with_hooks(vecs[:, :-1] @ self.bridge.W_E, fwd_hooks=hooks or [])
        return self.off(predicted, vecs)

    def off(self, predicted: Tensor, vecs: Tensor) -> float:
        return nn.MSELoss()(predicted[:, self.first :], vecs[:, self.first + 1 :]).item()

    @cached_property
    def losses(self) -> float:
        return float(np.mean([self.loss(vecs) for vecs in one_by_one(self.data.usual)]))

    @cached_property
    def one(self) -> Tensor:
        return next(one_by_one(self.data.at_one_c))

    @cached_property
    def attributions(self) -> tuple[np.ndarray, np.ndarray]:
        """Attribution of heads and MLPs, with the LayerNorm scale of the whole residual stream."""
        heads, mlps = np.zeros((len(self.layers), len(self.heads))), np.zeros(len(self.layers))
        count = 0
        for vecs in one_by_one(self.data.usual):
            _, cache = self.cached(vecs)
            scale = cache["ln_final.hook_scale"][0]
            for seq in range(self.first, vecs.shape[1] - 1):
                count += 1
                for layer in self.layers:
                    for head in self.heads:
                        result = cache["z", layer][0, seq, head] @ self.bridge.W_O[layer, head]
                        heads[layer, head] += torch.dot(result / scale[seq] @ self.bridge.W_U, vecs[0, seq + 1]).item()
                    result = cache["mlp_out", layer][0, seq]
                    mlps[layer] += torch.dot(result / scale[seq] @ self.bridge.W_U, vecs[0, seq + 1]).item()
        return heads / count, mlps / count

    @cached_property
    def normalised(self) -> tuple[np.ndarray, np.ndarray]:
        """Attribution of heads and MLPs at every position of one recurrence, each with its own LayerNorm. Only the last is used."""
        _, cache = self.cached(self.one)
        length = self.one.shape[1]
        heads = np.zeros((length - 1, len(self.layers), len(self.heads)))
        mlps = np.zeros((length - 1, len(self.layers)))
        for seq in range(length - 1):
            for layer in self.layers:
                for head in self.heads:
                    result = cache["z", layer][0, seq, head] @ self.bridge.W_O[layer, head] + self.bridge.b_O[layer]
                    heads[seq, layer, head] = self.dotted(result, self.one[0, seq + 1])
                mlps[seq, layer] = self.dotted(cache["mlp_out", layer][0, seq], self.one[0, seq + 1])
        return heads[-1], mlps[-1]

    def dotted(self, result: Tensor, target: Tensor) -> float:
        return torch.dot(self.bridge.ln_final(result[None, None])[0, 0] @ self.bridge.W_U, target).item()

    def line(self, x: Tensor, layer: int, heads: range) -> tuple[np.ndarray, np.ndarray]:
        """A vector of unit norm, and the output of the heads of a layer for it."""
        x = x / x.norm(dim=1, keepdim=True)
        moved = x @ self.bridge.W_E @ sum(self.bridge.OV.AB[layer, head] for head in heads)
        return x[0].numpy(), (self.bridge.ln_final(moved[:, None])[:, 0] @ self.bridge.W_U)[0].numpy()

    @cached_property
    def eight_lines(self) -> tuple[list[float], list[float]]:
        """R^2 and slope for the first terms of one recurrence and layer 2 without its last head."""
        *_, vecs = one_by_one(self.data.usual)
        fits = [linregress(*self.line(vecs[:, i], 2, self.heads[:-1])) for i in self.heads]
        return [fit.rvalue**2 for fit in fits], [fit.slope for fit in fits]

    def zeroed(self, heads: list[int]) -> float:
        def zero(z: Tensor, hook: object) -> Tensor:
            z[:, :, heads] = 0
            return z

        losses = [self.loss(vecs, [("blocks.0.attn.hook_z", zero)]) for vecs in one_by_one(self.data.usual)]
        return float(np.mean(losses))

    @cached_property
    def all_but_the_last_zeroed(self) -> float:
        return self.zeroed(list(self.heads[:-1]))


@loop("MSE at c = -1.5")
def mse_at_one_c(notebook: Notebook) -> Ways:
    losses = [notebook.loss(vecs) for vecs in one_by_one(notebook.data.at_one_c)]
    return losses[0], float(np.mean(losses))


@loop("Multiple m in a_i + m a_(i-1), as which the residual stream reads after layer 0")
def previous_term(notebook: Notebook) -> Ways:
    regressors, read = [], []
    for vecs in one_by_one(notebook.data.usual):
        _, cache = notebook.cached(vecs)
        for i in range(1, vecs.shape[1] - 1):
            regressors.append(torch.stack([vecs[0, i], vecs[0, i - 1]], dim=-1).double().numpy())
            read.append((cache["resid_post", 0][0, i] @ notebook.bridge.W_U).double().numpy())
    (term, previous), *_ = np.linalg.lstsq(np.concatenate(regressors), np.concatenate(read))
    _, cache = notebook.cached(notebook.one)
    above, below = 0.0, 0.0
    for i in range(notebook.first, notebook.one.shape[1] - 1):
        stream = notebook.bridge.ln_final(cache["resid_post", 0])[0, i] @ notebook.bridge.W_U
        above += torch.dot(stream - notebook.one[0, i], notebook.one[0, i - 1]).item()
        below += notebook.one[0, i - 1].square().sum().item()
    return above / below, previous / term


@loop("MSE between the residual stream after layer 0 and before layer 1")
def same_tensor(notebook: Notebook) -> Ways:
    _, cache = notebook.cached(notebook.one)
    after, before = (
        notebook.bridge.ln_final(cache[name]) @ notebook.bridge.W_U for name in (("resid_post", 0), ("resid_pre", 1))
    )
    return nn.MSELoss()(after, before).item(), None


def share_of_layer(notebook: Notebook, layer: int) -> Ways:
    own, whole = (np.abs(heads).sum(-1) for heads in (notebook.normalised[0], notebook.attributions[0]))
    return own[layer] / own.sum(), whole[layer] / whole.sum()


@loop("Layer 0's share of the heads' direct attribution")
def share_of_layer_0(notebook: Notebook) -> Ways:
    return share_of_layer(notebook, 0)


@loop("Layer 1's share of the heads' direct attribution")
def share_of_layer_1(notebook: Notebook) -> Ways:
    return share_of_layer(notebook, 1)


@loop("Direct attribution of layer 2's heads over that of layer 0's")
def taken_back(notebook: Notebook) -> Ways:
    own, whole = (heads.sum(-1) for heads in (notebook.normalised[0], notebook.attributions[0]))
    return own[2] / own[0], whole[2] / whole[0]


@loop("The MLPs' share of the direct attribution of heads and MLPs")
def share_of_mlps(notebook: Notebook) -> Ways:
    shares = []
    for heads, mlps in (notebook.normalised, notebook.attributions):
        shares.append(np.abs(mlps).sum() / (np.abs(mlps).sum() + np.abs(heads).sum()))
    return shares[0], shares[1]


@loop("MSE with the heads of layer 1 mean-ablated, over MSE")
def mean_ablation(notebook: Notebook) -> Ways:
    name = "blocks.1.attn.hook_z"

    def replaced_by(mean: Tensor) -> list[tuple[str, Callable[..., Tensor]]]:
        return [(name, lambda z, hook: mean[: z.shape[1]].expand_as(z))]

    total, again = torch.zeros(()), 0.0
    repeated = range(notebook.data.draws)
    for _ in repeated:
        total = total + notebook.cached(notebook.one)[1][name][0]
    for _ in repeated:
        again += notebook.loss(notebook.one, replaced_by(total / len(repeated)))
    reference = notebook.model.reference_activation(name).mean(
        0
    )  # over reference recurrences; it is computed before the measurement of time, on both sides
    ablated = [notebook.loss(vecs, replaced_by(reference)) for vecs in one_by_one(notebook.data.usual)]
    return again / len(repeated) / notebook.loss(notebook.one), float(np.mean(ablated)) / notebook.losses


@loop("R^2 of the line on which layer 0's summed OV keeps a vector")
def line_of_layer_0(notebook: Notebook) -> Ways:
    generator = torch.Generator().manual_seed(derive_seed(notebook.data.seed, "replication", "uniform vectors"))
    length, dim = notebook.data.reference.length, notebook.config.d_vocab
    uniform, terms = [], []
    for x in torch.rand(notebook.data.draws, length - 1, dim, generator=generator):
        for i in range(length - 1):
            fit = linregress(*notebook.line(x[i : i + 1], 0, notebook.heads))
            uniform.append(fit.rvalue**2)
    for vecs in one_by_one(notebook.data.usual):
        for i in range(length - 1):
            fit = linregress(*notebook.line(vecs[:, i], 0, notebook.heads))
            terms.append(np.copysign(fit.rvalue**2, fit.slope))
    return float(np.mean(uniform)), float(np.mean(terms))


@loop("Slope of that line for layer 2's OV")
def slope_of_layer_2(notebook: Notebook) -> Ways:
    above, below = 0.0, 0.0
    for vecs in one_by_one(notebook.data.usual):
        for i in range(vecs.shape[1] - 1):
            x = vecs[0, i] / vecs[0, i].norm()
            ov = sum(notebook.bridge.OV.AB[2, head] for head in notebook.heads)
            moved = x @ notebook.bridge.W_E @ ov @ notebook.bridge.W_U
            above += torch.dot(x - x.mean(), moved - moved.mean()).item()
            below += (x - x.mean()).square().sum().item()
    return float(np.mean(notebook.eight_lines[1])), above / below


@loop("R^2 of that line for layer 2's OV")
def line_of_layer_2(notebook: Notebook) -> Ways:
    terms = []
    for vecs in one_by_one(notebook.data.usual):
        for i in range(vecs.shape[1] - 1):
            terms.append(linregress(*notebook.line(vecs[:, i], 2, notebook.heads)).rvalue ** 2)
    return float(np.mean(notebook.eight_lines[0])), float(np.mean(terms))


@loop("MSE with head 0 of layer 0 zeroed, over MSE")
def zeroed_0(notebook: Notebook) -> Ways:
    return notebook.all_but_the_last_zeroed / notebook.losses, notebook.zeroed([0]) / notebook.losses


@loop("MSE with head 7 of layer 0 zeroed, over MSE")
def zeroed_7(notebook: Notebook) -> Ways:
    return notebook.all_but_the_last_zeroed / notebook.losses, notebook.zeroed([7]) / notebook.losses


@loop("Share of layer 0's output that lies outside the embedding")
def outside(notebook: Notebook) -> Ways:
    _, _, v = torch.linalg.svd(notebook.bridge.W_E)
    shares = []
    for vecs in one_by_one(notebook.data.usual):
        _, cache = notebook.cached(vecs)
        for i in range(vecs.shape[1] - 1):
            added = cache["resid_post", 0][:, i] - cache["resid_pre", 0][:, i]
            inside = torch.zeros_like(added)
            for row in range(notebook.config.d_vocab):
                inside += (added @ v[row]) * v[row]
            shares.append((torch.norm(added - inside) / torch.norm(added)).item())
    chance = (1 - notebook.config.d_vocab / notebook.config.d_model) ** 0.5
    return float(np.mean(shares)), float(np.mean(shares)) - chance


@loop("MSE over all coefficients")
def mse(notebook: Notebook) -> Ways:
    return notebook.losses, notebook.losses


@loop("MSE with a random low-rank identity for the QK of heads 0-4 of layer 2, over MSE")
def qk_low_rank_identity(notebook: Notebook) -> Ways:
    heads, losses = range(5), []

    def average() -> float:
        predicted = ((notebook.model(vecs[:, :-1]), vecs) for vecs in one_by_one(notebook.data.usual))
        return float(np.mean([notebook.off(*pair) for pair in predicted]))

    for number in range(STAND_INS):
        W_Q, W_K = qk_identity(notebook.model, heads=len(heads), number=number)
        with qk_replaced(notebook.model, layer=2, heads=heads, W_Q=W_Q, W_K=W_K):
            losses.append(average())
    even = uniform_pattern(notebook.data.reference.length - 1)
    with attention_replaced(notebook.model, layer=2, heads=heads, pattern=even):
        average()  # is in the last column of the table
    return losses[0] / notebook.losses, float(np.mean(losses)) / notebook.losses


@loop("Mean square of d at c in [-2, 0], the error of a probe that always says 0")
def mean_square_of_d(notebook: Notebook) -> Ways:
    distribution = notebook.data.probed
    squares = [
        nn.MSELoss()(torch.zeros_like(d), d).item()
        for batch in notebook.data.draw(distribution, "probe")
        for d in batch.offset
    ]
    return squares[0], float(np.mean(squares))


@loop(f"MSE on sequences of {SHORT} terms")
def short(notebook: Notebook) -> Ways:
    drawn = notebook.data.draw(notebook.data.reference.at(length=SHORT), "short")
    losses = [notebook.loss(vecs) for vecs in one_by_one(drawn)]
    return losses[0], float(np.mean(losses))


def loops(data: Data, *, report: Callable[[str, float], None] = lambda number, seconds: None) -> dict[str, Ways]:
    """Both columns of every number that depends on recurrences. `report` receives the seconds that each took."""
    notebook, found = Notebook(data), {}
    with torch.no_grad():
        for number in NUMBERS:
            if not number.weights:
                begun = time.process_time()
                found[number.name] = LOOPS[number.name](notebook)
                report(number.name, time.process_time() - begun)
    return found


def largest_difference(data: Data, found: dict[str, Ways]) -> float:
    """The largest relative difference between a number of the loops and of the table, in either column."""
    differences = []
    for row in replicate(data.model, draws=data.draws, seed=data.seed, weights=False):
        for measured, expected in zip((row.notebook_way, row.sound_way), found[row.name], strict=True):
            if measured is not None and expected is not None and measured.value != expected:
                differences.append(abs(measured.value - expected) / max(abs(measured.value), abs(expected)))
    return max(differences)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", nargs="?", default=REFERENCE_CHECKPOINT)
    parser.add_argument("--recurrences", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    limit_threads(1)
    model = Model(load(options.checkpoint))
    replicate(
        model, draws=2, seed=options.seed, weights=False
    )  # runs the model once, and computes the means for ablation
    begun = time.process_time()
    replicate(model, draws=options.recurrences, seed=options.seed, weights=False)
    ours = time.process_time() - begun

    spent: dict[str, float] = {}

    def report(number: str, seconds: float) -> None:
        spent[number] = seconds
        print(f"{seconds:8.2f} s  {number}", flush=True)

    data = Data(model, draws=options.recurrences, seed=options.seed)
    found = loops(data, report=report)
    theirs = sum(spent.values())
    print(f"one recurrence at a time: {theirs:.2f} s for {options.recurrences} recurrences")
    print(f"recint replicate:         {ours:.2f} s for the same, intervals included")
    print(
        f"ratio: {theirs / ours:.0f} (largest relative difference of a number: {largest_difference(data, found):.1e})"
    )


if __name__ == "__main__":
    main()
