"""A model with permanent edits: they are always there, before all other edits, and `unedited` does not lift them.

So an intervention on the same activation replaces what a permanent edit says, and "the unchanged model" has the permanent edits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor

from recint.checkpoint import Checkpoint
from recint.model import Model

Edits = Sequence[tuple[str, Callable[[Tensor], Tensor]]]  # hooks, and what becomes of the activation there
READ = "blocks.0.hook_resid_pre"  # the stream that layer 0 reads: the embedding and the position


class PermanentlyEdited(Model):
    """The model of a checkpoint with permanent edits.

    Args:
        edits: made for the model of the same checkpoint.
        whole: whether a pass must begin with layer 0, because edits remember what layer 0 reads.
    """

    def __init__(self, checkpoint: Checkpoint, edits: Edits, *, whole: bool = False) -> None:
        super().__init__(checkpoint)
        self._permanent, self._whole = tuple(edits), whole
        self._edits = [*self._permanent]

    @contextmanager
    def unedited(self) -> Iterator[None]:
        """Inside the block only the permanent edits are active."""
        with super().unedited():
            self._edits = [*self._permanent]
            yield

    def resume(self, residual: Tensor, *, layer: int, z: Tensor | None = None) -> Tensor:
        """As for every model.

        Raises:
            ValueError: the edits remember what layer 0 reads, and this pass would begin later.
        """
        if self._whole and (layer > 0 or z is not None):
            raise ValueError(
                f"{self.checkpoint.name}: a pass must begin with layer 0, because a permanent edit reads the terms there"
            )
        return super().resume(residual, layer=layer, z=z)
