"""The page of all claims says what the modules declare, and is up to date."""

from pathlib import Path

from hypothesis import given

from recint.catalogue import properties
from recint.claim import Claim, Contrast
from recint.cli import main
from recint.domain import Domain
from recint.pages.claims_page import page
from recint.strategies import conditions

PAGE = Path(__file__).parents[2] / "docs" / "claims.md"


def test_the_page_is_up_to_date():
    assert PAGE.read_text() == page(properties()), "docs/claims.md is out of date: `make claims` writes it again"


def test_the_command_writes_the_page_of_what_is_asked_for(tmp_path, capsys):
    assert main(["claims", "l1.*", "--markdown", str(tmp_path / "claims.md")]) == 0
    asked = [prop for prop in properties() if prop.claim.id.startswith("l1.")]
    assert (tmp_path / "claims.md").read_text() == page(asked)
    assert capsys.readouterr().out == f"wrote {tmp_path / 'claims.md'}\n"


def test_all_that_is_claimed_is_told():
    made = Claim(
        id="a.b@2",
        statement="It |is|.",
        quantifier="everywhere",
        statistic="share",
        relation=">=",
        threshold=0.25,
        reduction="majority of heads",
        domain=Domain(c=(1.0, 2.0), either_sign=True, length=(14, 14)),
        layers=(0, 2),
        orders=(1,),
        constants=(("epochs", 3),),
        contrasts=(
            Contrast(name="beside", statistic="rest", relation="<=", threshold=0.1, domain=Domain(c=(-1.0, 0.0))),
        ),
        source="a hunch",
        because="it was unclear",
        corrected="it was wrong",
        caveat="measures another thing",
        partner="c.d",
        no_positive="nobody knows how",
    )

    @made(figure=str)
    @given(at=conditions(made.domain))
    def test(model, at):
        pass

    told = page([test.recint_property]).partition("### `a.b@2`")[2].strip()
    assert told == "\n".join(
        [
            "It \\|is\\|.",
            "",
            "- It is about every condition of its domain, |c| from 1 to 2, 14 terms; layers 0, 2.",
            "- It holds if share (majority of heads) is at least 0.25.",
            "- Contrast, beside at c from -1 to 0, 5 to 14 terms: rest is at most 0.1.",
            "- It applies to recurrences of order 1 only.",
            "- Constants: epochs = 3.",
            "- Source: a hunch.",
            "- It amends `a.b`. The reason: it was unclear.",
            "- Later correction of that reason: it was wrong.",
            "- Caveat: the statistic measures another thing.",
            "- The same about behaviour: `c.d`.",
            "- The controls have no model for which it is true. The reason: nobody knows how.",
        ]
    )
