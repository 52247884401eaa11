"""How the domain of a claim carries over to a task that is not the notebook's.

A claim is registered in absolute terms: c from -2 to -0.5, 5 to 14 terms. It keeps what it says, and its hash.

- All of the notebook's coefficients become all of the task's. Others keep their values, and those that the task does not have are
  left out. A domain that lies beyond the notebook's coefficients speaks of coefficients that were not trained. It has to lie beyond
  those of the task too.
- 14 terms are the length of the notebook's training, and become the length of the task. Any other number of terms stays, as far
  as the task's sequences reach.
- If nothing is left, the claim is not applicable, and a sentence says why.
"""

from __future__ import annotations

from dataclasses import dataclass

from recint.judging.claim import Unmet
from recint.recurrence import REFERENCE, Distribution, Recurrences
from recint.task import Range


@dataclass(frozen=True)
class Carried:
    """A domain as it is for the recurrences of one task.

    Attributes:
        c: the range of the coefficients, or of |c|.
        length: the smallest and the largest number of terms.
        estimated: the number of terms in the estimate.
    """

    c: Range
    length: tuple[int, int]
    estimated: int


def carried(c: Range, length: tuple[int, int], *, either_sign: bool, task: Distribution) -> Carried:
    """The domain with these bounds, for the recurrences of a task.

    >>> from dataclasses import replace
    >>> carried((-2.0, -0.5), (5, 14), either_sign=False, task=replace(REFERENCE, c=(-1.0, 1.0), length=30))
    Carried(c=(-1.0, -0.5), length=(5, 30), estimated=30)

    Raises:
        Unmet: the task has no such recurrences, in one sentence.
    """
    fewest, most = (_length(terms, task) for terms in length)
    if length[1] < REFERENCE.length:
        most = min(most, task.length)
    if fewest > most:
        raise Unmet(f"speaks of {fewest} terms or more, but the task's sequences have {task.length}")
    if most < task.shortest:
        raise Unmet(
            f"speaks of {most} terms, but at order={task.order} nothing can be predicted from fewer than {task.shortest}"
        )
    return Carried(_coefficients(c, either_sign, task), (max(fewest, task.shortest), most), min(most, task.length))


def _length(terms: int, task: Distribution) -> int:
    beyond = terms - REFERENCE.length
    return task.length + beyond if beyond >= 0 else terms


def _coefficients(c: Range, either_sign: bool, task: Distribution) -> Range:
    (low, high), (least, most) = c, task.c
    if c == REFERENCE.c and not either_sign:
        return task.c
    if either_sign and not _beyond(c, either_sign, REFERENCE):
        least, most = 0.0, min(-least, most)  # both c and -c must be among the task's
    if _beyond(c, either_sign, REFERENCE):
        if _beyond(c, either_sign, task):
            return c
        raise Unmet(
            f"speaks of coefficients beyond training, {_range(c, either_sign)}, but the task has some: c from {task.c[0]:g} to "
            f"{task.c[1]:g}"
        )
    if max(low, least) > min(high, most):
        raise Unmet(f"speaks of {_range(c, either_sign)}, but the task has c from {task.c[0]:g} to {task.c[1]:g}")
    return max(low, least), min(high, most)


def _beyond(c: Range, either_sign: bool, task: Distribution) -> bool:
    (low, high), (least, most) = c, task.c
    return low > max(abs(least), abs(most)) if either_sign else low > most or high < least


def _range(c: Range, either_sign: bool) -> str:
    return f"{'|c|' if either_sign else 'c'} from {c[0]:g} to {c[1]:g}"


def require_position(position: int, recurrences: Recurrences) -> None:
    """Check that a claim about one position of the notebook's sequences has it in these, too.

    Raises:
        Unmet: the sequences are too short.
    """
    if position > (last := recurrences.terms.shape[1] - 2):
        raise Unmet(f"reads position {position}, but the sequences of the task have positions 0 to {last}")
