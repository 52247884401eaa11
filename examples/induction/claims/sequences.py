"""Sequences of tokens in which a block is repeated: the places where the claims are tried, and how Hypothesis draws them.

A sequence is some tokens before the block, the block, and the block again until the sequence is full. From the second token of
the first repetition on, the next token is determined: it is the one that followed the present token before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from einops import rearrange
from hypothesis import strategies as st
from jaxtyping import Bool, Int
from torch import Tensor

from recint.bridged import Batch, Single
from recint.judging import claim as engine
from recint.judging.subject import SEARCH_BATCH
from recint.system.seeds import derive_seed

LENGTH, VOCABULARY = 32, 64
PERIODS, BEFORE = (
    (4, 12),
    (0, 8),
)  # the training draws the length of the block, and the tokens before it, from these ranges


@dataclass(frozen=True)
class Sequences:
    """Sequences of LENGTH tokens.

    Attributes:
        inputs: the tokens. After `length` tokens a sequence is padded, which no earlier position can see.
        start: the position of the first token of the block.
        period: the number of tokens of the block.
        length: the number of tokens of the sequence.
    """

    inputs: Int[Tensor, "sequence position"]
    start: Int[Tensor, sequence]
    period: Int[Tensor, sequence]
    length: Int[Tensor, sequence]

    @property
    def _position(self) -> Int[Tensor, "one position"]:
        return torch.arange(LENGTH, device=self.inputs.device)[None]

    @property
    def repeated(self) -> Bool[Tensor, "sequence position"]:
        """The positions whose next token is determined."""
        first, last = self.start + self.period, self.length - 1
        return (self._position >= first[:, None]) & (self._position < last[:, None])

    @property
    def fresh(self) -> Bool[Tensor, "sequence position"]:
        """The positions before the first repetition, whose next token is random."""
        return self._position < (self.start + self.period - 1)[:, None]

    @property
    def after_last(self) -> Int[Tensor, "sequence position"]:
        """For each position, that of the token after the last occurrence of the present token; 0 if there is none."""
        return (self._position - self.period[:, None] + 1).clamp(min=0)


@dataclass(frozen=True, kw_only=True)
class Condition(Batch):
    """Sequences with a fixed length of the block, and a fixed number of tokens before it; drawn if they are None.

    Attributes:
        period: the length of the block, or the shortest and the longest from which it is drawn; None for those of the training.
        distinct: whether all tokens of the block and before it are different. If not, each is drawn by itself.
        repeats: whether the block is repeated. If not, fresh tokens stand where it would be.
        vocabulary: how many tokens of the vocabulary occur.
    """

    period: int | tuple[int, int] | None = None
    before: int | None = None
    distinct: bool = True
    repeats: bool = True
    vocabulary: int = VOCABULARY

    @property
    def shape(self) -> int:
        """All sequences are padded to one length, so that all conditions can be measured in one pass."""
        return LENGTH

    @property
    def coordinate(self) -> float | None:
        """The length of the block, for figures."""
        return float(self.period) if isinstance(self.period, int) else None

    @property
    def simplicity(self) -> tuple:
        return (self.coordinate or 0, self.before or 0, VOCABULARY - self.vocabulary)

    def sample(self, config: object) -> Sequences:
        fixed = (self.period, self.before, self.distinct, self.repeats, self.vocabulary)
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "sequences", *fixed))

        def drawn(chosen: int | None, low: int, high: int) -> Int[Tensor, sequence]:
            numbers = torch.randint(low, high + 1, (self.batch,), generator=generator)
            return numbers if chosen is None else torch.full_like(numbers, chosen)

        fixed_period, periods = (None, self.period) if isinstance(self.period, tuple) else (self.period, PERIODS)
        period, start = drawn(fixed_period, *periods), drawn(self.before, *BEFORE)
        order = torch.rand(self.batch, self.vocabulary, generator=generator).argsort(-1)
        if not self.distinct:
            order = torch.randint(self.vocabulary, (self.batch, self.vocabulary), generator=generator)
        fresh = torch.randint(self.vocabulary, (self.batch, LENGTH), generator=generator)
        position = torch.arange(LENGTH)[None]
        within = (position - start[:, None]).remainder(period[:, None]) + start[:, None]
        source = torch.where(position < start[:, None], position, within)
        tokens = order.gather(-1, source)
        if not self.repeats:
            tokens = torch.where(position < (start + period)[:, None], tokens, fresh)
        return Sequences(tokens, start, period, torch.full((self.batch,), LENGTH))

    def brief(self) -> str:
        low, high = self.period if isinstance(self.period, tuple) else PERIODS
        period = f"blocks of {self.period if isinstance(self.period, int) else f'{low} to {high}'} tokens"
        before = "0 to 8" if self.before is None else str(self.before)
        few = "" if self.vocabulary == VOCABULARY else f", {self.vocabulary} different tokens"
        more = f"{few}{'' if self.distinct else ', which may come twice'}{'' if self.repeats else ', not repeated'}"
        return f"{period} after {before} others{more}"


@dataclass(frozen=True, kw_only=True)
class Sequence(Single):
    """One sequence: tokens, and then a block twice.

    >>> Sequence(block=(7, 1, 4, 2), before=(9,)).brief()
    '9 | 7 1 4 2 | 7 1 4 2'
    """

    block: tuple[int, ...]
    before: tuple[int, ...] = ()

    @property
    def shape(self) -> int:
        return LENGTH

    @property
    def coordinate(self) -> float:
        """The length of the block, for figures."""
        return float(len(self.block))

    def sample(self, config: object) -> Sequences:
        tokens = (*self.before, *self.block, *self.block)
        padded = torch.tensor(tokens + (0,) * (LENGTH - len(tokens)))
        start, period, length = (torch.tensor([number]) for number in (len(self.before), len(self.block), len(tokens)))
        return Sequences(rearrange(padded, "position -> 1 position"), start, period, length)

    def brief(self) -> str:
        return " | ".join(" ".join(map(str, part)) for part in (self.before, self.block, self.block) if part)


@dataclass(frozen=True, kw_only=True)
class Domain:
    """Part of the sequences that the models were trained on.

    Attributes:
        period: the shortest and the longest block.
        distinct: whether all tokens of the block and before it are different.
        repeats: whether the block is repeated.
    """

    period: tuple[int, int] = PERIODS
    distinct: bool = True
    repeats: bool = True

    def words(self) -> str:
        """The domain in a few words."""
        low, high = self.period
        more = f"{'' if self.distinct else ', which may come twice'}{'' if self.repeats else ', not repeated'}"
        return f"blocks of {low} to {high} tokens after 0 to 8 others{more}"

    def reference(self, config: object, *, batch: int, seed: int) -> Condition:
        """Sequences as the training draws them, with blocks of this domain."""
        period = None if self.period == PERIODS else self.period
        return Condition(period=period, distinct=self.distinct, repeats=self.repeats, batch=batch, seed=seed)

    def conditions(self, config: object, *, batch: int, seed: int) -> list[Condition]:
        """Every length of the block, after every number of tokens."""
        periods, before = (range(low, high + 1) for low, high in (self.period, BEFORE))
        return [
            Condition(
                period=length, before=number, distinct=self.distinct, repeats=self.repeats, batch=batch, seed=seed
            )
            for length in periods
            for number in before
        ]


@dataclass(frozen=True, kw_only=True)
class Claim(engine.Claim):
    """A claim about sequences; by default about all that the training draws."""

    domain: Domain = field(default_factory=Domain)

    domains: ClassVar[type] = Domain
    noun: ClassVar[str] = "sequence"


def conditions(domain: Domain) -> st.SearchStrategy[Condition]:
    """Conditions of a domain, also with fewer different tokens."""
    return st.builds(
        Condition,
        period=st.integers(*domain.period),
        before=st.integers(*BEFORE),
        distinct=st.just(domain.distinct),
        repeats=st.just(domain.repeats),
        vocabulary=st.integers(24, VOCABULARY).map(lambda number: VOCABULARY + 24 - number),  # shrinks to all of them
        batch=st.just(SEARCH_BATCH),
        seed=st.integers(0, 2**16),
    )


def sequences(*, unique: bool) -> st.SearchStrategy[Sequence]:
    """Single sequences. They shrink to a short block of small tokens, with nothing before it.

    Args:
        unique: whether all tokens of the block and before it are different. Otherwise a token may come several times.
    """
    token = st.integers(0, VOCABULARY - 1)
    return (
        st.tuples(st.integers(*PERIODS), st.integers(*BEFORE))
        .flatmap(lambda sizes: st.tuples(st.just(sizes[0]), _tokens(token, sum(sizes), unique=unique)))
        .map(lambda drawn: Sequence(block=drawn[1][: drawn[0]], before=drawn[1][drawn[0] :]))
    )


def _tokens(token: st.SearchStrategy[int], number: int, *, unique: bool) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(token, min_size=number, max_size=number, unique=unique).map(tuple)
