"""The file of values: what is written is read back, the hash is that of the file, and another file is refused."""

import hashlib

import numpy as np
import pytest

from recint.judging.values import DrawnValues
from recint.record import value_file

KEPT = {
    "a.a": DrawnValues(np.arange(6, dtype=np.float64).reshape(3, 2), {"the one": np.array([1.0, 2.0, np.pi])}),
    "a.b@2": DrawnValues(np.array([0.1, 0.2])),
}

HEADER = b'{"a.a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}'
BF16 = len(HEADER).to_bytes(8, "little") + HEADER + bytes(4)


def same(one, other):
    assert one.keys() == other.keys()
    for claim, values in one.items():
        assert np.array_equal(values.own, other[claim].own)
        assert values.contrasts.keys() == other[claim].contrasts.keys()
        for name, numbers in values.contrasts.items():
            assert np.array_equal(numbers, other[claim].contrasts[name])


def test_values_come_back_as_they_were():
    same(value_file.of_content(value_file.content(KEPT)), KEPT)
    same(value_file.of_text(value_file.as_text(KEPT)), KEPT)
    assert value_file.of_content(value_file.content({})) == {}


def test_values_that_float32_holds_take_half_the_room():
    found = value_file.of_content(value_file.content(KEPT))
    assert found["a.a"].own.dtype == np.float32
    assert found["a.a"].contrasts["the one"].dtype == np.float64


def test_the_same_values_have_the_same_content():
    assert value_file.content(KEPT) == value_file.content(dict(reversed(KEPT.items())))


@pytest.fixture
def verdicts(tmp_path):
    (tmp_path / "v.values").write_bytes(value_file.content(KEPT))
    return tmp_path / "v.json"


def test_a_verdict_file_names_its_values_by_their_hash(verdicts):
    content = value_file.content(KEPT)
    named = value_file.named(verdicts.with_name("v.values"), content)
    assert (named.name, named.sha256) == ("v.values", hashlib.sha256(content).hexdigest())
    same(value_file.read(verdicts, named), KEPT)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            lambda path: path.unlink(),
            "v.json: rests on the values in v.values, which is not beside it",
        ),
        (
            lambda path: path.write_bytes(b"other"),
            "v.values: is not the file of this run .its hash is d9298a10d1b0, but v.json names",
        ),
    ],
)
def test_what_is_not_the_file_of_the_run_is_refused(verdicts, damage, said):
    named = value_file.named(verdicts.with_name("v.values"), value_file.content(KEPT))
    damage(verdicts.with_name("v.values"))
    with pytest.raises(ValueError, match=said):
        value_file.read(verdicts, named)


def test_what_holds_no_values_is_refused(verdicts):
    for content, said in (
        (b"nothing", "v.values: these are no values"),
        (value_file.safetensors.save({"a.a: the one": np.zeros(2)}), "not of the claim itself: a.a"),
        (BF16, "there are numbers of the kind 'BF16', but float32 and float64 are expected"),
        (value_file.safetensors.save({"a.a": np.zeros(2, np.int64)}), "a.a has numbers of the kind int64, but float32"),
        (
            value_file.safetensors.save({"a.a": np.zeros(())}),
            r"a.a has the shape \(\), but one value or more for each draw",
        ),
        (value_file.safetensors.save({"a.a": np.zeros((0, 2))}), r"a.a has the shape \(0, 2\), but one value or more"),
        (value_file.safetensors.save({"a.a": np.array([1.0, np.nan])}), "a.a has 1 of 2 numbers that are not finite"),
    ):
        verdicts.with_name("v.values").write_bytes(content)
        named = value_file.named(verdicts.with_name("v.values"), content)
        with pytest.raises(ValueError, match=said):
            value_file.read(verdicts, named)


def test_both_files_may_get_another_name(verdicts, tmp_path):
    named = value_file.named(verdicts.with_name("v.values"), value_file.content(KEPT))
    verdicts.with_name("v.values").rename(tmp_path / "baseline.values")
    same(value_file.read(tmp_path / "baseline.json", named), KEPT)
    assert value_file.path_of(tmp_path / "other.json", named) is None


def test_of_two_files_the_one_of_the_run_is_taken(verdicts, tmp_path):
    named = value_file.named(verdicts.with_name("v.values"), value_file.content(KEPT))
    (tmp_path / "baseline.values").write_bytes(value_file.content(KEPT))
    verdicts.with_name("v.values").write_bytes(b"a later run")
    same(value_file.read(tmp_path / "baseline.json", named), KEPT)
