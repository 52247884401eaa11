"""What terminal, page and table say of a verdict in the same words."""

from recint import words
from recint.judging.entry import Entry, Estimate, Failing, SearchSummary, UntrainedAnswer

ESTIMATE = Estimate(ci=(0.9, 1.1), p=0.01)


def entry(**changes):
    usual = {
        "id": "a.b", "hash": "h", "statistic": "it", "relation": ">=", "threshold": 0.5, "verdict": "supported",
        "quantifier": "everywhere", "estimate": ESTIMATE, "search": SearchSummary(conditions=41, examples=60), "question": "a.b",
    }  # fmt: skip
    return Entry(**usual | changes)


def test_beside_everywhere_stands_how_many_conditions_were_tried():
    assert words.reach(entry()) == "41 conditions tried"
    failing = Failing(count=0, of=1000, ci=(0.0, 0.0037))
    single = entry(quantifier="pointwise", failing=failing, search=SearchSummary(conditions=1979, examples=1979))
    assert words.reach(single) == "2979 recurrences tried"
    assert (
        words.share_that_fails(single)
        == "0 of 1000 drawn recurrences fail: 0.00% to 0.37% of all, with 95 % confidence"
    )
    assert words.reach(entry(quantifier="average")) == words.reach(entry(search=None)) == ""


def test_untrained_models_are_counted():
    assert words.untrained(entry(untrained=UntrainedAnswer(passed=1, of=60))) == "1 of 60 untrained models pass"
    assert words.untrained(entry()) == ""
    assert words.untrained(entry(untrained="not_applicable")) == "untrained models: not applicable"


def test_questions_are_counted_not_rows():
    claims = [
        entry(id="a.b", verdict="refuted"),
        entry(id="a.b@2", version=2),
        entry(id="a.c", question="a.c", verdict="refuted"),
        entry(id="a.c.mean", question="a.c"),
        entry(id="a.d", question="a.d", verdict="refuted"),
        entry(id="a.e", question="a.e", verdict="vacuous"),
    ]
    assert words.questions(claims) == (
        "6 claims ask 4 questions, versions and kinds of one claim taken together: 1 is answered yes, 1 no, 2 neither"
    )
    assert words.questions(claims[:1]) == (
        "1 claim asks 1 question, versions and kinds of one claim taken together: 0 are answered yes, 1 no, 0 neither"
    )


def test_draws_of_one_name_have_it_and_others_are_draws():
    nouns = [entry(noun="throw"), entry(noun="throw"), entry()]
    assert (words.noun(nouns[:2]), words.noun(nouns), words.noun([])) == ("throw", "draw", "draw")
