"""The study in docs/study says what its table says."""

import re
from collections import Counter
from pathlib import Path

from recint.pages import sweep_page
from recint.sweep import emergence

from ..sweep_rows import rows_of

ROOT = Path(__file__).parents[2]
STUDY = ROOT / "docs" / "study"
TEXT = (STUDY / "README.md").read_text()
PROSE = " ".join(TEXT.split())
ROWS = rows_of(STUDY / "table.parquet")
FOUND = emergence.sweep(ROWS)
NAMES = [network.name for network in FOUND.networks]
FINAL = {claim: [row.verdict for row in FOUND.at_the_end(claim)] for claim in FOUND.claims}
HOLDS = {claim: [verdict == "supported" for verdict in verdicts] for claim, verdicts in FINAL.items()}


def listed(items):
    """One, two and three."""
    *most, last = map(str, items)
    return f"{', '.join(most)} and {last}" if most else last


def test_the_steps_told_are_those_of_the_table():
    lines = [line.strip("| ").split(" | ") for line in TEXT.splitlines() if line.startswith("| ")]
    assert lines[0] == ["claim", *(f"`{name}`" for name in NAMES)]
    assert len(lines) > 10
    for claim, *told in lines[1:]:
        steps = ["never" if at is None else f"{at.step:,}" for at in FOUND.appearances(claim.strip("`")).each]
        assert told == steps, claim
    begin = sum(any(FOUND.appearances(claim).each) for claim in FOUND.claims)
    assert f"for {len(lines) - 1} of the {begin} that begin to hold in some training" in PROSE


def test_what_is_said_to_replicate_does():
    alike = Counter(verdicts[0] for verdicts in FINAL.values() if len(set(verdicts)) == 1)
    nowhere = sum(not any(holds) for holds in HOLDS.values())
    assert f"{alike['supported']} claims hold in all four networks, {nowhere} in none" in PROSE
    told = f"Of the {nowhere}, {alike['refuted']} are refuted in all four, {alike['vacuous']} vacuous in all four"
    assert told in PROSE


def test_what_belongs_to_some_networks_is_told_by_name():
    some = [claim for claim, holds in HOLDS.items() if len(set(holds)) == 2]
    told = re.findall(r"^- `([^`]+)` holds in ((?:(?:, | and )?`[^`]+`)+)", TEXT, re.MULTILINE)
    assert dict(told) == {
        claim: listed(f"`{name}`" for name, held in zip(NAMES, HOLDS[claim], strict=True) if held) for claim in some
    }


def test_what_is_never_supported_is_not_at_any_snapshot():
    refuted = [claim for claim, verdicts in FINAL.items() if set(verdicts) == {"refuted"}]
    ever = [
        claim
        for claim in refuted
        if any(row.verdict == "supported" for training in FOUND.trainings for _, row in training.of_claim(claim))
    ]
    assert (
        f"Of the {len(refuted)} refuted ones, {len(refuted) - len(ever)} are supported at no snapshot of any" in PROSE
    )
    assert f"{listed(f'`{claim}`' for claim in ever)} are supported at some" in PROSE


def test_the_order_is_as_alike_as_is_said():
    found = emergence.agreement(emergence.order(FOUND))
    assert f"over the {found.claims} claims, the rank correlation is {found.correlation:.2f}" in PROSE


def test_the_share_that_is_left_open_is_that_of_the_exact_interval():
    assert f"any share from {100 * emergence.share(len(NAMES), len(NAMES)).low:.0f} % up" in PROSE


def test_what_is_told_of_the_whole_circuit_is_so():
    last, ratios, own = [], [], []
    for training in FOUND.trainings:
        sufficient = training.of_claim("circuit.sufficient")
        error = {step: row.value for step, row in training.of_claim("model.predicts-next-term")}
        last.append(max(step for step, row in sufficient if row.verdict == "supported"))
        ratios.append(f"{sufficient[-1][1].value:.0f}")
        own += [row.value * error[step] for step, row in sufficient if step >= 1000]
    assert f"only up to step {listed(f'{step:,}' for step in last)}" in PROSE
    assert f"At the end it is {listed(ratios)} times" in PROSE
    assert f"between {min(own):.4f} and {max(own):.4f} from step 1,000 on" in PROSE


def test_the_checkerboard_does_not_form_where_it_is_said_not_to():
    heads = {
        training.name: [row.per_head for _, row in training.of_claim("l2.checkerboard@2")]
        for training in FOUND.trainings
    }
    weakest = listed(f"{min(snapshots[-1]):.2f}" for snapshots in heads.values())
    assert f"the weakest heads of the four networks do so {weakest} times as much" in PROSE
    assert (
        f"in `affine3-seed1` no head reaches 1.5 at any snapshot (at most {max(map(max, heads['affine3-seed1'])):.2f}), "
        f"nor in `affine3-seed3` ({max(map(max, heads['affine3-seed3'])):.2f})" in PROSE
    )


def test_twenty_snapshots_of_each_were_judged_by_claims_registered_before():
    shipped = {"affine3-seed0", "affine3-seed1"}  # whose last snapshot was judged, and logged, before
    for training in FOUND.trainings:
        assert len(training.checkpoints) == 20
        standings = [{row.standing for row in at.rows.values()} for at in training.checkpoints]
        assert standings == [{"confirmatory"}] * 19 + [{"exploratory" if training.name in shipped else "confirmatory"}]


def test_the_summary_is_made_of_the_table():
    text = (STUDY / "summary.md").read_text()
    command = re.search(r"^    (.+)$", text, re.MULTILINE)[1]
    assert text == sweep_page.markdown(ROWS, command=command)


def test_the_first_page_says_of_how_many_trainings_it_is():
    assert "in four trainings of the reference recipe" in " ".join((ROOT / "README.md").read_text().split())
    assert len(FOUND.trainings) == 4


def test_the_page_on_sweeps_reckons_with_the_seconds_of_the_table():
    text = " ".join((ROOT / "docs" / "sweeps.md").read_text().split())
    seconds = Counter()
    for row in ROWS:
        seconds[row.series, row.step] += row.seconds
    least = min(total for (_, step), total in seconds.items() if step)
    assert f"a trained snapshot took {least:.0f} s of one core at the least" in text
    assert f"are {round(least * 100_000 / 3600, -2):,.0f} core-hours" in text


def test_what_is_told_of_more_weight_decay_is_so():
    folder = STUDY / "weight-decay-0.1"
    rows = rows_of(folder / "table.parquet")
    found = emergence.sweep(rows)
    (network,) = found.networks
    assert len(network.checkpoints) == 20
    last = {claim: found.at_the_end(claim)[0] for claim in found.claims}
    holding = sum(row.verdict == "supported" for row in last.values())
    assert f"{holding} of the {len(last)} claims hold at its end" in PROSE
    rank, line = ([row.value for row in FOUND.at_the_end(claim)] for claim in ("l1.low-effective-rank", "l0.ov-line"))
    assert f"which is {last['l1.low-effective-rank'].value:.0%}".replace("%", " %") in PROSE
    assert f"({100 * min(rank):.0f} % to {100 * max(rank):.0f} % without)" in PROSE
    assert f"(R² {last['l0.ov-line'].value:.3f} against {min(line):.3f} to {max(line):.3f})" in PROSE
    look = last["l0.previous-token@2"]
    assert look.verdict == "refuted"
    assert f"give the previous term {look.value:.2f} of their attention" in PROSE
    assert f"{last['circuit.sufficient'].value:.0f} times the model's error" in PROSE
    # Its untrained weights are those of the other training of seed 0, which had been judged.
    standings = [{row.standing for row in at.rows.values()} for at in network.checkpoints]
    assert standings == [{"exploratory"}] + [{"confirmatory"}] * 19
    text = (folder / "summary.md").read_text()
    assert text == sweep_page.markdown(rows, command=re.search(r"^    (.+)$", text, re.MULTILINE)[1])
