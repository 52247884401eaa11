"""Whatever is done to lines that are chained is found, and what honest branches do is not."""

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recint.record.chain import Chain, digest, extended, packed, split, unpacked


def lines(first, count):
    return [{"kind": "made up", "number": number, "text": "é\n"} for number in range(first, first + count)]


def old(count):
    """Lines of a recint that knew no chain."""
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines(1000, count))


@st.composite
def contents(draw, *, least=2):
    """A file with some old lines and at least so many chained ones, which were added some at a time."""
    content, number = old(draw(st.integers(0, 3))), 0
    for count in draw(st.lists(st.integers(1, 3), min_size=least, max_size=4)):
        content = extended(content, lines(number, count))
        number += count
    return content


def flaws(lines_):
    return list(Chain(b"".join(line + b"\n" for line in lines_)).flaws())


class TestAdding:
    def test_each_line_names_the_one_before_it(self):
        first, second, third = split(extended(b"", lines(0, 3)))
        assert json.loads(first)["before"] == digest(b"")
        assert json.loads(second)["before"] == digest(first)
        assert json.loads(third)["before"] == digest(second)

    def test_the_first_one_names_all_that_stood_before(self):
        content = extended(old(2), lines(0, 1))
        assert content.startswith(old(2))
        assert json.loads(split(content)[2])["before"] == digest(old(2))

    @given(contents())
    def test_what_was_added_is_whole(self, content):
        assert list(Chain(content).flaws()) == list(Chain(content).forks()) == []
        assert Chain(content).ends == (digest(split(content)[-1]),)

    def test_a_line_that_an_editor_left_open_is_closed(self):
        content = extended(old(2)[:-1], lines(0, 1))
        assert content.startswith(old(2))
        assert list(Chain(content).flaws()) == []


class TestTampering:
    @given(contents(), st.data())
    def test_a_line_that_is_removed_is_found(self, content, data):
        """But for the last one, which no line of the same file follows."""
        kept = split(content)
        del kept[data.draw(st.integers(0, len(kept) - 2))]
        assert flaws(kept)

    @given(contents(), st.data())
    def test_lines_that_are_swapped_are_found(self, content, data):
        kept = split(content)
        one, other = data.draw(st.lists(st.integers(0, len(kept) - 1), min_size=2, max_size=2, unique=True))
        kept[one], kept[other] = kept[other], kept[one]
        assert flaws(kept)

    @given(contents(), st.data(), st.integers(0, 255))
    def test_a_byte_that_is_edited_is_found(self, content, data, byte):
        """But in the last line."""
        place = data.draw(st.integers(0, len(content) - len(split(content)[-1]) - 2))
        assume(content[place] != byte)
        assert list(Chain(content[:place] + bytes([byte]) + content[place + 1 :]).flaws())

    @given(
        contents(),
        st.data(),
        st.sampled_from([b"", b"x", b"[]", b'{"before": 1}', b'{"before": null}', b'{"kind": "run"}']),
    )
    def test_a_line_that_is_inserted_is_found(self, content, data, line):
        kept = split(content)
        kept.insert(data.draw(st.integers(0, len(kept))), line)
        assert flaws(kept)

    @pytest.mark.parametrize(
        ("change", "index", "said"),
        [
            (lambda kept: kept.pop(3), 3, "follows a line that is gone: the line above it was edited or removed"),
            (lambda kept: kept.pop(0), 1, "is chained to other bytes than stand above it"),
            (lambda kept: kept.pop(2), 2, "is chained to other bytes than stand above it"),
            (
                lambda kept: kept.insert(4, kept.pop(3)),
                3,
                "stands above line 5, which it follows: lines were reordered",
            ),
            (lambda kept: kept.insert(4, b"{}"), 4, "says not what it follows, but lines above it do"),
        ],
    )
    def test_the_sentence_names_the_line(self, change, index, said):
        kept = split(extended(old(2), lines(0, 4)))
        change(kept)
        place, sentence = flaws(kept)[0]
        assert (place, sentence[: len(said)]) == (index, said)

    def test_a_change_above_the_first_line_is_told_once_for_both_branches(self):
        base = old(2)
        ours, theirs = (extended(base, lines(first, 1)) for first in (0, 10))
        merged = ours + theirs[len(base) :]
        assert len(list(Chain(merged.replace(b"1000", b"1009")).flaws())) == 1


class TestForks:
    @given(contents(least=0), st.integers(1, 3), st.integers(1, 3))
    def test_branches_that_were_merged_are_a_fork_and_no_flaw(self, base, some, others):
        ours, theirs = extended(base, lines(100, some)), extended(base, lines(200, others))
        chain = Chain(ours + theirs[len(base) :])
        place, sentence = next(chain.forks())
        assert list(chain.flaws()) == []
        assert (place, len(list(chain.forks()))) == (len(split(ours)), 1)
        assert sentence == f"follows the same line as line {len(split(base)) + 1}: two branches were merged"
        assert set(chain.ends) == {digest(split(ours)[-1]), digest(split(theirs)[-1])}
        joined = Chain(extended(chain.content, lines(300, 2)))
        assert set(json.loads(joined.lines[-2])["before"]) == set(chain.ends)
        assert (list(joined.flaws()), len(joined.ends)) == ([], 1)

    @given(contents(), st.data())
    def test_lines_that_a_merge_repeated_count_once(self, content, data):
        repeated = data.draw(st.integers(0, len(split(content)) - 1))
        chain = Chain(content + split(content)[repeated] + b"\n")
        assert list(chain.flaws()) == list(chain.forks()) == []

    @given(contents(least=0), st.integers(0, 3), st.integers(1, 3))
    def test_what_stood_there_once_is_known_by_its_ends(self, base, some, others):
        """Without the lines of the other branch, wherever they came to stand."""
        ours, theirs = extended(base, lines(100, some)), extended(base, lines(200, others))
        chain = Chain(theirs + ours[len(base) :])
        stood = [chain.lines[place] for place in chain.upto(Chain(ours).ends)]
        assert stood == split(ours)
        assert chain.upto(("0" * 64,)) is None

    def test_lines_from_before_the_chain_are_known_by_their_last(self):
        chain = Chain(extended(old(3), lines(0, 2)))
        assert chain.upto((digest(chain.lines[1]),)) == [0, 1]
        assert Chain(old(3)).ends == (digest(split(old(3))[-1]),)
        assert Chain(b"").ends == ()


def test_hashes_in_a_line():
    for hashes, value in (((), None), (("a",), "a"), (("a", "b"), ["a", "b"])):
        assert packed(hashes) == value
        assert unpacked(value) == hashes
