"""Pictures of an account: the title of each states its number."""

import re
from html import unescape

import numpy as np
import pytest

from recint.model.linear_filter import LATE
from recint.replication.account import COEFFICIENTS, Account, Attention, Cost, LateWeights
from recint.replication.account_pictures import NAMES, pictures
from recint.replication.rows import Measured

CLAIMS = {"the old account": ("a.one", "a.two"), "the new account": ("b.one",), "rivals": ("c.one",)}
VERDICTS = {
    "first": {"a.one": "supported", "a.two": "refuted", "b.one": "not_applicable"},
    "second": {"a.one": "refuted", "c.one": "vacuous"},
}


def made_up():
    """Filters that are -3 on the term before the last and 1 on the last; numbers that are easy to find."""
    weights = np.eye(13) - 3 * np.eye(13, k=-1)
    c = np.linspace(-2, 2, 20)
    costs = [
        Cost(part, source, Measured(value, "× intact", value / 2, value * 2, 100))
        for part, values in (("patterns", (19, 132, 226)), ("patterns and scales", (1.94, 79, 2550)))
        for source, value in zip(("same", "opposite", "independent"), values, strict=True)
    ]
    return Account(
        filters=np.broadcast_to(weights, (len(COEFFICIENTS), 2, 13, 13)),
        late=LateWeights(
            c=c, weights=np.repeat(c[:, None] ** 2, len(LATE), axis=1), explained=Measured(0.915, "", 0.88, 0.95, 10)
        ),
        attention=Attention(
            c=(-1.5, -1.5, 0.99), patterns=np.ones((3, 2, 13, 13)) / 13,
            same=Measured(0.00801, "", 0.007, 0.009, 100), other=Measured(0.08, "", 0.07, 0.09, 100),
        ),
        costs=(*costs, Cost("embedding", "hidden", Measured(1.54, "× intact", 1.3, 1.9, 100))),
    )  # fmt: skip


@pytest.fixture(scope="module")
def shown():
    return {picture.name: picture for picture in pictures(made_up(), claims=CLAIMS, verdicts=VERDICTS)}


def title(picture):
    return unescape(re.match(r'<svg role="img" aria-label="([^"]+)"', picture.svg)[1])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("filter", "At position 12 the term before the last has 75.0% of the weight, the last term has 25.0%"),
        ("c-squared", "Where 1 <= |c| <= 2, R^2 of the weight of the term before the last by c^2 is 0.915"),
        (
            "attention",
            "Attention of recurrences with the same c and largest norm differs by 0.008, of independent ones by 0.08",
        ),
        (
            "interchange",
            "Patterns and scales from a partner with the same c cost 1.94 × the MSE, with -c 79 ×, from an independent "
            "recurrence 2550 ×",
        ),
        ("accounts", "Supported verdicts: the old account 1 of 3; the new account not judged yet; rivals 0 of 1"),
    ],
)
def test_a_title_states_the_result(shown, name, said):
    assert title(shown[name]) == said


def test_all_are_there_in_order_with_a_caption(shown):
    assert tuple(shown) == NAMES
    assert all(picture.caption.endswith(".") for picture in shown.values())
    assert "[0.88, 0.95]" in shown["c-squared"].caption
    assert "0.00801 [0.007, 0.009]" in shown["attention"].caption


def test_ids_are_unique_on_a_page(shown):
    ids = re.findall(r'\bid="([^"]+)"', "".join(picture.svg for picture in shown.values()))
    assert len(ids) == len(set(ids))
