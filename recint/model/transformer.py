"""A transformer of TransformerLens (TransformerBridge) whose inputs are continuous vectors instead of tokens.

The vectors enter through a hook on the embedding: the model gets dummy tokens, and the hook replaces their embedding by
`x @ W_E`. To pass `x @ W_E` as inputs_embeds would give the same output, but then hooks and attribution could not see the
embedding.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import einops
import torch
from jaxtyping import Float
from torch import Tensor

from recint.checkpoint import Checkpoint, ModelConfig
from recint.domain import Place, reference_of
from recint.hooks import Edit, Hook, editing, keeping, known_to
from recint.judging.subject import CHUNK
from recint.model.folding import fold
from recint.model.intact import Intact
from recint.model.judgeable import Judgeable
from recint.model.untrained import untrained
from recint.system.memo import Once
from recint.system.memory import keep_freed_memory
from recint.system.seeds import derive_seed

if TYPE_CHECKING:
    from transformer_lens.model_bridge import TransformerBridge

REFERENCE_RECURRENCES = 1000  # mean and resample ablation take their values from these

# Last part of a property name -> last part of the bridge's name, and how the bridge's layout becomes that of the property.
_LAYOUTS = {
    **{f"W_{x}": (f"{x.lower()}.weight", "(head d_head) d_model -> head d_model d_head") for x in "QKV"},
    **{f"b_{x}": (f"{x.lower()}.bias", "(head d_head) -> head d_head") for x in "QKV"},
    "W_O": ("o.weight", "d_model (head d_head) -> head d_head d_model"),
    "b_O": ("o.bias", "d_model -> d_model"),
    "W_in": ("in.weight", "d_mlp d_model -> d_model d_mlp"),
    "b_in": ("in.bias", "d_mlp -> d_mlp"),
    "W_out": ("out.weight", "d_model d_mlp -> d_mlp d_model"),
    "b_out": ("out.bias", "d_model -> d_model"),
    "W_U": ("weight", "d_vocab d_model -> d_model d_vocab"),
    "b_U": ("bias", "d_vocab -> d_vocab"),
    "W_E": ("weight", "d_vocab d_model -> d_vocab d_model"),
    "W_pos": ("weight", "n_ctx d_model -> n_ctx d_model"),
    "w": ("weight", "d_model -> d_model"),
    "b": ("bias", "d_model -> d_model"),
}


def resolve_device(name: str) -> torch.device:
    """The device of a name: 'auto', 'cpu' or 'cuda'. 'auto' means cuda if there is one, else cpu.

    On cuda this switches TF32 off, which changes outputs by 1e-3.

    Raises:
        ValueError: the name is unknown, or it is 'cuda' and there is no CUDA device.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device={name!r} must be one of auto, cpu, cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device='cuda' is given, but no CUDA device is available; use auto or cpu")
    device = torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
    return device


def raw_bridge(
    config: ModelConfig, tensors: Mapping[str, Tensor], device: torch.device | str = "cpu"
) -> TransformerBridge:
    """The model with its weights as they were trained, without folding.

    Args:
        tensors: names and shapes as in `config.shapes`.
    """
    # Imported here, because this import takes longer than all others together and not every command builds a model.
    from transformer_lens.config import TransformerBridgeConfig
    from transformer_lens.model_bridge import TransformerBridge
    from transformer_lens.utilities.tl_checkpoint_conversion import convert_tl_checkpoint

    keep_freed_memory()
    bridge_config = TransformerBridgeConfig(
        n_layers=config.n_layers,
        n_heads=config.n_heads,
        d_model=config.d_model,
        d_head=config.d_head,
        d_mlp=config.d_mlp,
        n_ctx=config.n_ctx,
        d_vocab=config.d_vocab,
        act_fn=config.act_fn,
        eps=config.layer_norm_eps,
        normalization_type="LN",
        init_weights=False,
    )
    with torch.random.fork_rng(devices=[]):  # boot_native draws random weights, which are then replaced
        bridge = TransformerBridge.boot_native(bridge_config, device=device)
    bridge.load_state_dict(convert_tl_checkpoint(dict(tensors), bridge_config))
    return bridge


def property_tensors(bridge: TransformerBridge, config: ModelConfig) -> dict[str, Tensor]:
    """The bridge's weights under the names of `config.shapes`: the inverse of `convert_tl_checkpoint`."""
    state = bridge.state_dict()
    tensors = {}
    for name in config.shapes:
        module, _, last = name.rpartition(".")
        suffix, pattern = _LAYOUTS[last]
        sizes = {"head": config.n_heads} if "(head" in pattern else {}
        tensor = einops.rearrange(state[f"{module}.{suffix}"].detach().cpu(), pattern, **sizes)
        tensors[name] = tensor.clone().contiguous()
    return tensors


@dataclass(frozen=True)
class ForwardPass:
    """The result of one forward pass: the prediction, and the chosen activations by the names of their hooks."""

    prediction: Float[Tensor, "batch position dim"]
    activations: Mapping[str, Tensor]

    def pattern(self, layer: int) -> Float[Tensor, "batch head query key"]:
        """The attention patterns of a layer. The pass must have kept them."""
        return self.activations[f"blocks.{layer}.attn.hook_pattern"]


class _Enough(Exception):
    """Ends a pass early, when all chosen activations are there."""


def layer_norm(residual: Float[Tensor, "*batch d_model"], *, eps: float) -> Float[Tensor, "*batch d_model"]:
    """LayerNorm without weights and biases: these are folded into the weights that read its output."""
    return torch.nn.functional.layer_norm(residual, residual.shape[-1:], eps=eps)


def layer_norm_scale(residual: Float[Tensor, "*batch d_model"], *, eps: float) -> Float[Tensor, "*batch"]:
    """The number by which LayerNorm divides a centred vector."""
    return (residual.var(-1, correction=0) + eps).sqrt()


class Model(Judgeable, Once):
    """The model of a checkpoint, on a device, with folded weights: see `recint.model.folding.fold`.

    >>> model = Model(load("fixtures/checkpoints/affine3-seed0"))
    >>> model(REFERENCE.sample(64, seed=0).inputs).shape
    torch.Size([64, 13, 40])
    """

    def __init__(self, checkpoint: Checkpoint, *, device: torch.device | str = "cpu") -> None:
        super().__init__()
        self.checkpoint = checkpoint
        self.config = checkpoint.config
        self.device = torch.device(device)
        folded = {name: tensor.float() for name, tensor in fold(checkpoint.tensors, self.config).items()}
        self.bridge = raw_bridge(self.config, folded, device)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the bridge warns about the processing of weights, which is switched off
            self.bridge.enable_compatibility_mode(
                no_processing=True, disable_warnings=True
            )  # gives hooks their usual names
        self.bridge.eval().requires_grad_(False)
        self._edits: list[tuple[str, Edit]] = []
        self._seen: tuple[Place, Intact] | None = None

    @torch.no_grad()
    def __call__(self, inputs: Float[Tensor, "batch position dim"]) -> Float[Tensor, "batch position dim"]:
        """The predicted next term at every position."""
        return self.run(inputs).prediction

    @torch.no_grad()
    def run(self, inputs: Float[Tensor, "batch position dim"], keep: Iterable[str] = ()) -> ForwardPass:
        """Run a forward pass, and keep the activations of the hooks that `keep` names.

        Raises:
            ValueError: the sequences are longer than n_ctx, or their dimension is not that of the model.
        """
        kept: dict[str, Tensor] = {}
        return ForwardPass(self._forward(inputs, [keeping(kept, name) for name in keep]), kept)

    @torch.no_grad()
    def activations(self, inputs: Float[Tensor, "batch position dim"], *keep: str) -> Mapping[str, Tensor]:
        """The activations of the named hooks. The pass ends as soon as it has computed them all."""
        kept: dict[str, Tensor] = {}

        def stop(activation: Tensor, hook: object) -> None:
            if len(kept) == len(set(keep)):
                raise _Enough

        with suppress(_Enough):
            self._forward(inputs, [hook for name in keep for hook in (keeping(kept, name), (name, stop))])
        return kept

    def intact(self, at: Place) -> Intact:
        """The recurrences of a place and the pass of the unchanged model over them. The last one is kept for the next caller."""
        if self._seen is None or self._seen[0] != at:
            self._seen = at, Intact(self, at.sample(self.config))
        return self._seen[1]

    def untrained(self, seed: int) -> Model:
        """An untrained model of the same shape, on the same device."""
        return Model(untrained(self.config, seed=seed), device=self.device)

    @torch.no_grad()
    def resume(
        self,
        residual: Float[Tensor, "batch position d_model"],
        *,
        layer: int,
        z: Float[Tensor, "batch position head d_head"] | None = None,
    ) -> Float[Tensor, "batch position dim"]:
        """The prediction from a given residual stream before `layer`, with the present edits.

        An intervention from `layer` on needs only this part of a pass.

        Args:
            z: the outputs of the heads of `layer`, if they are known. Then attention and edits in this layer up to z are skipped.
        """
        blocks = list(self.bridge.blocks)[layer:]
        edits = self._hooks()
        with known_to(self.bridge, edits), self.bridge.hooks(fwd_hooks=edits):
            if z is not None:
                block = blocks.pop(0)
                residual = residual + block.attn.o(z.flatten(-2))
                residual = residual + block.mlp(block.ln2(residual))
            for block in blocks:
                residual, *_ = block(residual)
            prediction: Tensor = self.bridge.unembed(self.bridge.ln_final(residual))
        return prediction

    @contextmanager
    def editing(self, hook: str, edit: Edit) -> Iterator[None]:
        """Inside the block every pass replaces the activation x of `hook` by `edit(x)`, which has the same shape."""
        self._edits.append((hook, edit))
        try:
            yield
        finally:
            self._edits.pop()

    @contextmanager
    def unedited(self) -> Iterator[None]:
        """Inside the block no edit is active, even if the block lies within one of `editing`."""
        edits, self._edits = self._edits, []
        try:
            yield
        finally:
            self._edits = edits

    def reference_activation(self, hook: str) -> Float[Tensor, "recurrence position *activation"]:
        """An activation on REFERENCE_RECURRENCES reference recurrences. Resample ablation takes its values from it."""
        return self.once(("reference", hook), lambda: self._reference_activation(hook))

    def reference_mean(self, hook: str) -> Tensor:
        """The mean of `reference_activation` over recurrences, of shape (position, *activation). Mean ablation uses it."""
        return self.once(("mean of reference", hook), lambda: self.reference_activation(hook).mean(0))

    def _reference_activation(self, hook: str) -> Tensor:
        inputs = (
            reference_of(self.config).sample(REFERENCE_RECURRENCES, seed=derive_seed(0, "reference activation")).inputs
        )
        with self.unedited():
            return torch.cat([self.activations(part, hook)[hook] for part in torch.split(inputs, CHUNK)])

    def _hooks(self) -> list[Hook]:
        return [editing(name, edit) for name, edit in self._edits]

    def _forward(self, inputs: Tensor, hooks: Sequence[Hook]) -> Tensor:
        batch, positions, dim = inputs.shape
        if positions > self.config.n_ctx:
            raise ValueError(
                f"length={positions + 1} needs {positions} positions, "
                f"but {self.checkpoint.name} has n_ctx={self.config.n_ctx}"
            )
        if dim != self.config.d_vocab:
            raise ValueError(
                f"recurrences have dimension {dim}, but {self.checkpoint.name} has d_vocab={self.config.d_vocab}"
            )
        embedded = inputs.to(self.device) @ self.bridge.W_E
        every: list[Hook] = [("embed.hook_out", lambda _, hook: embedded), *self._hooks(), *hooks]
        with known_to(self.bridge, every):
            prediction: Tensor = self.bridge.run_with_hooks(
                torch.zeros(batch, positions, dtype=torch.long, device=self.device), fwd_hooks=every
            )
        return prediction

    @cached_property
    def W_OV(self) -> Float[Tensor, "layer head d_model d_model"]:
        """Folded OV matrices W_V W_O. Vectors are rows: a head that attends to x adds x W_OV."""
        return einops.einsum(
            self.bridge.W_V, self.bridge.W_O, "layer head read d_head, layer head d_head write -> layer head read write"
        )

    @cached_property
    def W_QK(self) -> Float[Tensor, "layer head d_model d_model"]:
        """Folded QK matrices W_Q W_K^T: the score of query x and key y is x W_QK y^T / sqrt(d_head), without biases."""
        return einops.einsum(
            self.bridge.W_Q, self.bridge.W_K, "layer head query d_head, layer head key d_head -> layer head query key"
        )

    def moved(
        self, x: Float[Tensor, "*batch dim"], matrix: Float[Tensor, "d_model d_model"]
    ) -> tuple[Float[Tensor, "*batch dim"], Float[Tensor, "*batch dim"]]:
        """x scaled to norm 1, and the result of three steps on it: embed, multiply by an OV matrix, unembed."""
        x = x.to(self.device)
        x = x / x.norm(dim=-1, keepdim=True)
        return x, self.unembed(x @ self.bridge.W_E @ matrix)

    def unembed(self, residual: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch dim"]:
        """LayerNorm without weights, then W_U, without the bias b_U."""
        return layer_norm(residual, eps=self.config.layer_norm_eps) @ self.bridge.W_U
