"""How claims are judged stands in the log, and does not move without a new version."""

import pytest

from recint import verdict
from recint.judging import scan, search
from recint.record import log, log_file, procedure, registration

from ..made_up import claim


def test_the_procedure_is_registered_beside_the_claims(tmp_path):
    registered = registration.register(tmp_path, procedure.registrations([claim()]), when="2026-01-01")
    assert registered == ["test.claim", "procedure@7"]
    again = registration.register(tmp_path, procedure.registrations([claim()]), when="2026-01-02")
    assert again == []


@pytest.mark.parametrize(
    ("module", "name"), [(scan, "VISIT"), (search, "RETEST"), (search, "TRIES"), (verdict, "LEVEL")]
)
def test_a_constant_that_moves_fails_the_run(tmp_path, monkeypatch, module, name):
    registration.register(tmp_path, procedure.registrations([]), when="2026-01-01")
    monkeypatch.setattr(module, name, getattr(module, name) + 1)
    with pytest.raises(log.LogError, match=r"procedure@7: .* moved from .*\d+.* to .*\d+"):
        registration.require_unmoved(log_file.read(tmp_path), procedure.registrations([]))


def test_a_correction_is_a_line_of_its_own_and_rewrites_nothing(tmp_path):
    second = claim().amended(because="refuted at c = -2")
    registration.register(tmp_path, [registration.of_claim(second)], when="2026-01-01")
    before = (tmp_path / log_file.CLAIMS).read_text()
    corrected = claim().amended(because="refuted at c = -2", corrected="at 15 of 41 coefficients")
    for _ in range(2):
        assert registration.register(tmp_path, [registration.of_claim(corrected)], when="2026-01-02") == []
    after = (tmp_path / log_file.CLAIMS).read_text()
    assert after.startswith(before)
    assert len(after.splitlines()) == len(before.splitlines()) + 1
    (line,) = log_file.read(tmp_path).corrected
    assert (line["claim"], line["why"]) == ("test.claim@2", "at 15 of 41 coefficients")
