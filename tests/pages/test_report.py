"""The report: what it says first, how its board filters and opens, and how large it may grow."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from recint.judging.entry import Counterexample, Estimate, SearchSummary
from recint.pages import figures, report, weight_figures

from ..browser import dom, needs_chromium
from ..entries import entry
from ..entries import run as run_of

FOUND = Counterexample(value=0.1, where="c = 0", text="a_(j+1) = 0", code="print('again')")
CLAIMS = (
    entry("l0.looks-back", expected="supported", caveat="has a flaw"),
    entry("l0.is-a-line", "refuted", search=SearchSummary(counterexample=FOUND), quantifier="everywhere"),
    entry("l1.<b>", "refuted", 0.1, statement="<script>alert(1)</script>", message="it & that", expected="supported"),
    entry("l1.weights", ci=None, quantifier="weights", partner="l0.looks-back", per_head=((1.0, 2.0), (3.0, 4.0))),
    entry("l2.error", "error", None, None, message="it broke"),
)
CONFIG = {"n_layers": 3, "n_heads": 8, "d_model": 128, "order": 1, "d_vocab": 40}


def run(*claims):
    found = run_of(*(claims or CLAIMS), name="<i>name</i>")
    found.checkpoint["config"].update(CONFIG)
    found.environment.update(device="cpu")
    return found


def page(*claims, pictures=None):
    """The report of a run, where pytest-html would put it."""
    body = report.page(
        run(*claims), pictures or {"l0.looks-back": ['<svg id="a"></svg><svg id="b"></svg>']}, subject="coins"
    )
    return f"<!DOCTYPE html><html><head><meta charset='utf-8'></head><body>{body}</body></html>"


def sections(html):
    return re.findall(r'<details class="claim ([^"]*)"', html)


class TestContent:
    def test_it_opens_with_what_was_found(self):
        html = page()
        first, refuted, reach = re.findall(r"<p[^>]*>(.*?)</p>", html[html.index("<h1>") :], re.DOTALL)[:3]
        assert first.startswith("2 of 5 claims about &lt;i&gt;name&lt;/i&gt; are supported, 2 refuted, 1 error;")
        assert refuted.startswith("2 claims are refuted: 1 by a confirmed counterexample, 1 by the average")
        assert 'Not as expected: <a href="#claim-l1.&lt;b&gt;">' in refuted
        assert reach.startswith("Each estimate rests on 100 independent recurrences")

    def test_further_counterexamples_are_told_with_their_code(self):
        other = Counterexample(value=0.2, where="c = -2 & 5 terms", text="a_(j+1) = -2 a_j", code="print('elsewhere')")
        search = SearchSummary(counterexample=FOUND, further=(other,))
        html = page(entry("l0.is-a-line", "refuted", search=search, quantifier="everywhere"))
        assert "<code>c = -2 &amp; 5 terms</code> gives 0.2." in html
        assert "print(&#39;elsewhere&#39;)" in html

    def test_every_claim_is_at_a_glance_and_opens_on_its_evidence(self):
        html = page()
        assert sections(html) == ["supported", "refuted", "refuted unexpected", "supported", "error"]
        assert html.count('class="chip ') == html.count('<div class="evidence" id="claim-') == len(CLAIMS)
        assert set(re.findall(r'href="#([^"]+)"', html)) <= set(re.findall(r'\bid="([^"]+)"', html))
        assert len(re.findall(r'\bid="([^"]+)"', html)) == len(set(re.findall(r'\bid="([^"]+)"', html)))

    def test_it_says_what_the_claims_are_about_and_the_shape_of_the_model(self):
        assert "coins · n_layers 3, n_heads 8, d_model 128, order 1, d_vocab 40 · tensors" in page()

    def test_draws_have_the_name_that_the_claims_give_them(self):
        html = page(entry("a.b", noun="throw"))
        assert "over 100 throws" in html
        assert "recurrence" not in html

    def test_an_amended_claim_says_why(self):
        html = report.page(run(), {}, subject="coins", amended={"l1.weights": "a < b"})
        assert html.count("<dt>Amended</dt>") == 1
        assert "<dd>because a &lt; b</dd>" in html
        assert html.index('id="claim-l1.weights"') < html.index("<dt>Amended</dt>") < html.index('id="claim-l2.error"')

    def test_the_board_has_one_row_for_each_part_of_the_model(self):
        html = page(*map(entry, ("l0.one", "model.one", "l0.two")))
        board = html[: html.index("<details")]
        assert re.findall(r"<dt>(.*?)</dt>", board) == ["l0", "model"]

    def test_a_few_claims_are_open_at_once(self):
        assert page(*CLAIMS[:3]).count('<details class="claim') == page(*CLAIMS[:3]).count('" open>') == 3
        assert '" open>' not in page()

    def test_the_evidence_is_there(self):
        html = page()
        for told in ("<code>a_(j+1) = 0</code> gives 0.1", "print(&#39;again&#39;)", "layer 1, head 0: 3", "it broke"):
            assert told in html
        assert "The statistic has a flaw." in html
        assert '<figure><svg id="a"></svg></figure><figure><svg id="b"></svg></figure>' in html

    def test_text_of_others_is_text(self):
        html = page()
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
        assert "it &amp; that" in html
        assert "<i>name" not in html
        assert html.count("<script>") == 1

    def test_nothing_is_fetched(self):
        assert "http" not in page().replace("http://www.w3.org", "")


ACT = """<script>
const act = {act}, shown = selector => [...document.querySelectorAll(selector)].filter(each => each.checkVisibility()).length;
act();
document.body.insertAdjacentHTML("beforeend", "<pre id=result>" + JSON.stringify({result}) + "</pre>");
</script>"""
SHOWN = "[shown('.claim'), shown('.chip')]"


@needs_chromium
@pytest.mark.slow
class TestInABrowser:
    def after(self, tmp_path, act, result=SHOWN, fragment=""):
        (tmp_path / "r.html").write_text(page() + ACT.replace("{act}", act).replace("{result}", result))
        shown = dom(f"file://{tmp_path / 'r.html'}{fragment}", tmp_path)
        return json.loads(re.search(r'<pre id="result">(.*?)</pre>', shown)[1])

    @pytest.mark.parametrize(
        ("chosen", "count"), [("all", 5), ("refuted", 2), ("supported", 2), ("error", 1), ("unexpected", 1)]
    )
    def test_the_board_filters_by_verdict(self, tmp_path, chosen, count):
        act = f"() => document.getElementById('only-{chosen}').click()"
        assert self.after(tmp_path, act) == [count, count]

    @pytest.mark.parametrize(("words", "count"), [("l0", 2), ("L1 alert", 1), ("nowhere", 0), ("", 5)])
    def test_the_board_filters_by_text(self, tmp_path, words, count):
        assert self.after(tmp_path, "() => {}", fragment=f"#filter={words}") == [count, count]
        act = f"() => {{ const box = document.getElementById('text'); box.value = '{words}';"
        act += "box.dispatchEvent(new Event('input')) }"
        assert self.after(tmp_path, act) == [count, count]

    def test_both_filters_count(self, tmp_path):
        act = "() => document.getElementById('only-refuted').click()"
        assert self.after(tmp_path, act, fragment="#filter=l0") == [1, 1]

    def test_all_open_at_once(self, tmp_path):
        act = "() => document.getElementById('unfold').click()"
        assert self.after(tmp_path, act, "shown('.evidence')") == 5
        assert self.after(tmp_path, "() => {}", "shown('.evidence')") == 0

    def test_on_paper_all_are_open_and_closed_afterwards(self, tmp_path):
        opened = "document.querySelectorAll('details[open]').length"
        before, after = "dispatchEvent(new Event('beforeprint'))", "dispatchEvent(new Event('afterprint'))"
        assert self.after(tmp_path, f"() => {before}", opened) == len(re.findall("<details", page()))
        assert self.after(tmp_path, f"() => {{ {before}; {after} }}", opened) == 0

    def test_a_link_opens_its_claim_without_scripts_too(self, tmp_path):
        whole = page()
        for html in (whole, re.sub("<script>.*?</script>", "", whole, flags=re.DOTALL)):
            (tmp_path / "r.html").write_text(html)
            shown = dom(f"file://{tmp_path / 'r.html'}#claim-l0.is-a-line", tmp_path)
            (opened,) = re.findall(r'<details class="claim[^"]*" open="">.*?</details>', shown, re.DOTALL)
            assert 'id="claim-l0.is-a-line"' in opened
        assert '<span class="scripted" hidden="">' in shown


# Of the 87 claims of the suite: how many figures of each kind their report shows.
OF_A_RUN = {
    "against_c": 61,
    "searched": 13,
    "map": 12,
    "attention": 20,
    "heads": 16,
    "ranks": 3,
    "matrices": 6,
    "attribution": 4,
}


@pytest.mark.slow
def test_a_whole_report_stays_small():
    """As large as the report of the shipped claims, the gallery included, may be: 2.5 MB."""
    random = np.random.default_rng(0)
    c, lengths = [index / 10 for index in range(-20, 21)], list(range(5, 15))
    bins = {
        "x": np.linspace(-2, 2, 20),
        "value": random.random(20),
        "low": random.random(20),
        "high": random.random(20),
    }
    bar = {"threshold": 0.5, "relation": ">="}
    title = (
        "l0.previous-token: attention on position i-1, majority of heads is 0.746 on average, but not >= 0.5 at c = 0"
    )
    scores, components = random.random((3, 8)), [f"layer {head // 8}, head {head % 8}" for head in range(24)]
    drawn = {
        "against_c": figures.against(title, **bins, **bar, xlabel="coefficient c", ylabel="MSE without it / MSE", log=True),
        "searched": figures.against(
            title, **bins, **bar, xlabel="c", ylabel="attention", searched=[(x, random.random()) for x in c for _ in lengths]
        ),
        "map": figures.conditions_map(
            title,
            columns=c,
            rows=lengths,
            value=random.random((10, 41)),
            **bar,
            xlabel="coefficient c",
            ylabel="terms",
            label="attention",
        ),
        "attention": figures.attention(title, pattern=random.random((8, 13, 13)), layer=0),
        "heads": figures.head_statistics(
            title, names=[f"head {head}" for head in range(8)], value=scores[0], low=scores[1], high=scores[2], **bar, xlabel="it"
        ),
        "ranks": weight_figures.ranks(title, ranks=scores * 40, spectra=random.random((3, 8, 50)), energy=0.95),
        "matrices": weight_figures.matrices(title, matrices=random.normal(size=(8, 128, 128)), layer=0, label="entry"),
        "attribution": figures.attribution(title, table=random.random((24, 12)), names=components, first=2),
    }  # fmt: skip
    text = "The roles, put in place of the attention of the model, cost at most 10 % of the gain over copying. " * 2
    claims = [
        entry(
            f"l0.claim-{index}", statement=text, statistic=text, source=text, message=text, per_head=(0.5,) * 8,
            estimate=Estimate(ci=(0.1, 0.2), n=5000), search=SearchSummary(counterexample=FOUND),
        )
        for index in range(87)
    ]  # fmt: skip
    pictures = {"l0.claim-0": [drawn[kind] * count for kind, count in OF_A_RUN.items()]}
    assert len(page(*claims, pictures=pictures).encode()) < 2_500_000


def test_the_drift_has_a_row_for_each_pair(drifted):
    config = {"n_layers": 3, "n_heads": 8, "d_model": 128, "order": 1, "d_vocab": 40}
    about = drifted.checkpoint | {"config": config}
    text = report.page(replace(drifted, checkpoint=about, environment={"device": "cpu"}), {}, subject="coins")
    assert "All 3 claims and their contrasts, before and after" in text
    assert (
        '<a href="#claim-a.a">a.a</a>: moved, supported in base, now refuted (1 -&gt; 0.1, should be &gt;= 0.5' in text
    )
    row = next(row for row in text.split("<tr>")[1:] if "#claim-a.a" in row and "moved" in row)
    assert [cell.split("</td>")[0] for cell in row.split("<td>")[2:]] == [
        "≥\u00a00.5", "✓ 1", "✗ 0.1", "-0.9 [-1.01, -0.788]", "0.1", "8.9e-56", "none", "moved",
    ]  # fmt: skip
