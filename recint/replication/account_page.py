"""The pictures of a model and the numbers of their bars: for the terminal, and as an HTML page."""

from __future__ import annotations

from collections.abc import Sequence

from recint.pages import console
from recint.pages.templating import render
from recint.replication.account import Cost
from recint.replication.account_pictures import Picture
from recint.replication.rows import number

_HEADS = ("changed", "how", "MSE / MSE intact", "95 % interval", "over")


def terminal(costs: Sequence[Cost]) -> str:
    """The table of costs for the terminal."""
    rows = [(cost.part, cost.source, number(cost.ratio.value), cost.ratio.interval, cost.ratio.over) for cost in costs]
    return "\n".join(console.table(list(zip(_HEADS, *rows, strict=True))))


def html(pictures: Sequence[Picture], *, checkpoint: str, command: str) -> str:
    """The pictures as an HTML page in one file.

    Args:
        checkpoint: the name of the checkpoint.
        command: the command line that made it.
    """
    return render("mechanism.html", pictures=pictures, checkpoint=checkpoint, command=command)
