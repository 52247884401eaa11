"""What a report says below the evidence: the error of the best reader, and the notebook's numbers measured again.

No verdict depends on it. What cannot be computed is a note.
"""

from __future__ import annotations

from typing import Any

from recint.domain import reference_of
from recint.judging.subject import is_own
from recint.model.noise import sentences as noise_sentences
from recint.pages import report as html
from recint.session import Session


def of(run: Session, *, replicated: bool) -> str:
    """The appendix of a run as HTML; empty if there is nothing to say.

    Args:
        replicated: whether the notebook's numbers are measured again.
    """
    return _noise(run) + (_replication(run) if replicated else "")


def _noise(run: Session) -> str:
    """HTML of the model's error beside that of the best reader; empty if its terms have no noise, or it reads no recurrences."""
    if is_own(run.claims) or not reference_of(run.checkpoint.config).noise:  # then no model is built
        return ""
    try:
        model: Any = run.subject.model(run.checkpoint, run.device)
        return "".join(map(html.missing, noise_sentences(model)))
    except Exception as error:  # the verdicts do not depend on it
        return html.missing(f"The error of the best reader could not be computed: {error}")


def _replication(run: Session) -> str:
    """The notebook's numbers, measured again on this checkpoint, as HTML; the same as on the page of `recint replicate`."""
    from recint.replication import page as replication_page
    from recint.replication.gallery import gallery
    from recint.replication.table import replicate

    try:
        model: Any = run.subject.model(run.checkpoint, run.device)
        return replication_page.section(replicate(model, seed=run.seed.number), gallery(model, seed=run.seed.number))
    except Exception as error:  # the verdicts do not depend on it
        return html.missing(f"The notebook's numbers could not be measured again: {error}")
