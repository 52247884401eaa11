"""The subject: GPT-2s of any size, and sequences of random tokens."""

from dataclasses import asdict, dataclass

import torch
from hypothesis import strategies as st
from torch import Tensor

from recint import bridged
from recint.bridged import Batch, Bridged
from recint.refusals import require_sizes
from recint.system.seeds import derive_seed

NAME = "GPT-2s that read random tokens"


@dataclass(frozen=True, kw_only=True)
class Config:
    """The shape of a model: what its config.json holds."""

    n_layer: int = 2
    n_head: int = 2
    n_embd: int = 32
    n_positions: int = 16
    vocab_size: int = 50

    def __post_init__(self):
        """Refuse a wrong size, in one sentence."""
        require_sizes(**asdict(self))
        if self.n_embd % self.n_head:
            raise ValueError(f"n_embd={self.n_embd} must be a multiple of n_head={self.n_head}")


def build(config):
    """A bridge of this shape, with random weights."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformer_lens.model_bridge import TransformerBridge
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    # The bridge wants a tokenizer. It is never used, since the places draw tokens as numbers.
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel({"?": 0}, unk_token="?")), unk_token="?")
    hf_model = GPT2LMHeadModel(GPT2Config(**asdict(config)))
    return TransformerBridge.boot_transformers("gpt2", hf_model=hf_model, tokenizer=tokenizer, device="cpu")


def load(path):
    """Read a checkpoint; a wrong one raises ValueError, in one sentence."""
    return bridged.load(path, Config, build, subject=NAME)


def model(checkpoint, device):
    """The model of a checkpoint, on this device."""
    return Bridged(checkpoint, build, device=device)


@dataclass(frozen=True)
class Sequences:
    """What a place draws: tokens of shape (draw, position)."""

    inputs: Tensor


@dataclass(frozen=True, kw_only=True)
class Tokens(Batch):
    """A place: sequences of so many random tokens."""

    length: int = 16

    @property
    def shape(self):
        """Places of one length can be measured in one pass."""
        return self.length

    @property
    def simplicity(self):
        """Of two places where a claim fails, a report names the one that is easier to read."""
        return (self.length,)

    @property
    def coordinate(self):
        """The horizontal axis of figures."""
        return float(self.length)

    def sample(self, config):
        """The draws, which follow from the seed."""
        generator = torch.Generator().manual_seed(derive_seed(self.seed, self.length))
        return Sequences(torch.randint(config.vocab_size, (self.batch, self.length), generator=generator))

    def brief(self):
        """The place in a few words."""
        return f"{self.length} tokens"


@dataclass(frozen=True, kw_only=True)
class Domain:
    """Where a claim is said to hold: the shortest and the longest sequence."""

    length: tuple = (4, 16)

    def words(self):
        """The domain in a few words."""
        return f"{self.length[0]} to {self.length[1]} tokens"

    def reference(self, config, *, batch, seed):
        """Independent draws, for the estimate."""
        return Tokens(length=self.length[1], batch=batch, seed=seed)

    def conditions(self, config, *, batch, seed):
        """The places that are visited, each with its own draws."""
        return [Tokens(length=length, batch=batch, seed=seed) for length in range(self.length[0], self.length[1] + 1)]


def places(domain):
    """What Hypothesis draws between them."""
    return st.builds(Tokens, length=st.integers(*domain.length), seed=st.integers(0, 2**16))
