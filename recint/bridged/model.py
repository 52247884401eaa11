"""Any TransformerBridge as a model on which claims are judged: hooks and caching around it, and untrained models of its shape."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from recint.bridged.checkpoint import Checkpoint
from recint.bridged.places import on_device
from recint.hooks import Edit, editing, keeping, known_to
from recint.judging.claim import Claim
from recint.judging.reductions import REDUCTIONS
from recint.judging.subject import Snippet
from recint.system.files import from_here
from recint.system.memo import Once
from recint.system.memory import keep_freed_memory
from recint.system.seeds import derive_seed

if TYPE_CHECKING:
    from transformer_lens.model_bridge import TransformerBridge


@dataclass(frozen=True)
class Pass:
    """One forward pass: the logits, and the activations that were kept, by the names of their hooks."""

    logits: Float[Tensor, "draw position token"]
    activations: Mapping[str, Tensor]


class Intact:
    """The draws of a place, and the pass of the unchanged model over them.

    A pass keeps every activation that a claim has read from this model so far, so that claims about one place share it.

    Attributes:
        draws: what the place has drawn, on the model's device.
    """

    def __init__(self, model: Bridged, draws: Any) -> None:
        self.draws = draws
        self._model = model
        self._pass: Pass | None = None

    def __getitem__(self, hook: str) -> Tensor:
        """The activation of a hook, as "blocks.0.attn.hook_pattern"."""
        self._model.read.add(hook)
        if self._pass is None or hook not in self._pass.activations:
            self._pass = self._model.run(self.draws.inputs, keep=self._model.read)
        return self._pass.activations[hook]

    @property
    def logits(self) -> Float[Tensor, "draw position token"]:
        """The logits at every position."""
        if self._pass is None:
            self._pass = self._model.run(self.draws.inputs, keep=self._model.read)
        return self._pass.logits


class Bridged(Once):
    """A bridge with the tensors of a checkpoint, as a model on which claims are judged (`recint.judging.subject.Subject`).

    Its weights stay as they were trained: LayerNorm is not folded into them. A statistic of the model that takes long, and that
    several claims use, is computed once: `model.once("name", lambda: ...)`.

    Attributes:
        bridge: the TransformerBridge, with TransformerLens' usual names of hooks.
        read: the hooks that claims have read so far.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        build: Callable[[Any], TransformerBridge],
        *,
        device: torch.device | str = "cpu",
    ) -> None:
        """Build the model.

        Args:
            build: builds a bridge of a configuration, with random weights; a function of the folder's subject.py.
        """
        super().__init__()
        keep_freed_memory()
        self.checkpoint, self.config, self.device = checkpoint, checkpoint.config, torch.device(device)
        self._build = build
        with torch.random.fork_rng(devices=[]):  # the random weights are replaced
            self.bridge = build(self.config)
        self.bridge.load_state_dict(dict(checkpoint.tensors))
        self.bridge.enable_compatibility_mode(no_processing=True, disable_warnings=True)
        self.bridge.to(self.device, print_details=False).eval().requires_grad_(False)
        self.read: set[str] = set()
        self._seen: tuple[Any, Intact] | None = None

    @torch.no_grad()
    def run(self, inputs: Tensor, keep: Iterable[str] = (), edits: Mapping[str, Edit] | None = None) -> Pass:
        """A forward pass over inputs of shape (draw, position).

        Args:
            keep: the hooks whose activations are kept.
            edits: for a hook, a function from its activation to another one of the same shape.

        Raises:
            ValueError: a hook does not exist, or an edit does not keep the shape.
        """
        kept: dict[str, Tensor] = {}
        hooks = [editing(name, edit) for name, edit in (edits or {}).items()]
        hooks += [keeping(kept, name) for name in keep]
        with known_to(self.bridge, hooks):
            return Pass(self.bridge.run_with_hooks(inputs.to(self.device), fwd_hooks=hooks), kept)

    def intact(self, at: Any) -> Intact:
        """The draws of a place, and the pass of the unchanged model over them. The last one is kept for the next caller."""
        if self._seen is None or self._seen[0] != at:
            self._seen = at, Intact(self, on_device(at.sample(self.config), self.device))
        return self._seen[1]

    # --- What the engine asks -----------------------------------------------------------------------------------------

    def unmet(self, claim: Claim, *, untrained: bool = False) -> str:
        """One sentence that says why the claim does not apply to this model; empty if it applies."""
        layers, heads = self.bridge.cfg.n_layers, self.bridge.cfg.n_heads
        for name, asked, most in (("layer", claim.layers, layers), ("head", claim.heads, heads)):
            if missing := [number for number in asked if number >= most]:
                return f"{claim.id}: speaks of {name} {missing[0]}, but the model has {most} of them"
        if REDUCTIONS[claim.reduction].compares_heads and heads < 2:
            return f"{claim.id}: compares the heads of a layer, but the model has 1 of them"
        return ""

    def prepare(self, at: Any) -> None:
        """Run the pass over a place now."""
        _ = self.intact(at).logits

    def drawing(self) -> AbstractContextManager[None]:
        """Nothing: strategies draw the same places for every model."""
        return nullcontext()

    def snippet(self, at: Any) -> Snippet:
        """Python code that builds this model and this place again, from the modules of the folder of claims."""
        home = Path(inspect.getfile(self._build))
        path = self.checkpoint.path
        read = f"subject.load({path!r})" if path else f"subject.load(...)  # {self.checkpoint.name!r}"
        imports, places = _written(at, home)
        return Snippet(
            imports=("from recint.catalogue import module", *imports),
            lines=(
                f"subject = module({from_here(home)!r})",
                f"checkpoint = {read}",
                'model = subject.model(checkpoint, "cpu")',
                *places,
            ),
        )

    def untrained(self, seed: int) -> Bridged:
        """A model of the same shape with the random weights that `build` gives it, on the same device."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(seed, "untrained") % 2**63)
            tensors = {name: tensor.clone() for name, tensor in self._build(self.config).state_dict().items()}
        checkpoint = replace(self.checkpoint, name=f"untrained-{seed}", tensors=tensors, path=None, notes=())
        return Bridged(checkpoint, self._build, device=self.device)


def _written(at: Any, home: Path) -> tuple[list[str], list[str]]:
    """Import statements, and the lines that define `at`: its repr, with the module of each class before its name.

    Modules of a folder of claims cannot be imported by name. They are loaded from their files.

    Args:
        home: the file of the module `subject`, which is loaded already.
    """
    text, imports, lines = repr(at), [], []
    for kind in dict.fromkeys(_classes(at)):
        module = sys.modules[kind.__module__]
        name = module.__name__.rpartition(".")[2]
        text = re.sub(rf"(?<![\w.]){kind.__name__}\(", f"{name}.{kind.__name__}(", text)
        if not module.__name__.startswith("recint_claims_"):
            imports.append(f"import {module.__name__} as {name}")
        elif module.__file__ != str(home):
            lines.append(f"{name} = module({from_here(str(module.__file__))!r})")
    return [*dict.fromkeys(imports)], [*dict.fromkeys(lines), f"at = {text}"]


def _classes(value: Any) -> Iterator[type]:
    """The dataclasses in a place, from the outermost on."""
    if is_dataclass(value):
        yield type(value)
        value = tuple(getattr(value, field.name) for field in fields(value))
    if isinstance(value, tuple):
        for part in value:
            yield from _classes(part)
