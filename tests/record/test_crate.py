"""An RO-Crate has the entities that version 1.1 requires, and each file with its hash."""

import hashlib
import io
import json
import re
import zipfile
from urllib.parse import unquote

import pytest

from recint.record import verdict_file
from recint.record.crate import METADATA, crate, metadata

from ..written_log import recint

FILES = {"log/m.jsonl": b'{"kind": "run"}\n', "verdicts/my model.json": b"{}", "log.html": b"<html>", "v.values": b"\0"}
ABOUT = {
    "name": "A log", "description": "All runs.", "license_url": "https://spdx.org/licenses/MIT", "published": "2026-01-02",
}  # fmt: skip


@pytest.fixture
def entities():
    found = metadata(FILES, **ABOUT)
    assert found["@context"][0] == "https://w3id.org/ro/crate/1.1/context"
    by_id = {entity["@id"]: entity for entity in found["@graph"]}
    assert len(by_id) == len(found["@graph"])
    return by_id


def test_the_descriptor_is_about_the_root(entities):
    assert entities["ro-crate-metadata.json"] == {
        "@id": "ro-crate-metadata.json",
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        "about": {"@id": "./"},
    }


def test_the_root_says_what_it_is_and_has_all_files(entities):
    root = entities["./"]
    assert root["@type"] == "Dataset"
    assert (root["name"], root["description"]) == ("A log", "All runs.")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", root["datePublished"])
    assert root["license"] == {"@id": "https://spdx.org/licenses/MIT"}
    assert [unquote(part["@id"]) for part in root["hasPart"]] == list(FILES)
    assert all(part["@id"] in entities for part in root["hasPart"])


def test_each_file_has_its_format_its_size_and_its_hash(entities):
    for path, content in FILES.items():
        (entity,) = (entity for id_, entity in entities.items() if unquote(id_) == path)
        assert entity["@type"] == "File"
        assert entity["sha256"] == hashlib.sha256(content).hexdigest()
        assert entity["contentSize"] == str(len(content))
    formats = [entity["encodingFormat"] for entity in entities.values() if entity["@type"] == "File"]
    assert formats == ["application/jsonl", "application/json", "text/html", "application/octet-stream"]
    assert "verdicts/my%20model.json" in entities  # ids are addresses


def test_the_zip_holds_the_metadata_beside_the_files():
    content = crate(FILES, **ABOUT)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == {METADATA, *FILES}
        assert all(archive.read(path) == FILES[path] for path in FILES)
        assert json.loads(archive.read(METADATA)) == json.loads(json.dumps(metadata(FILES, **ABOUT)))


def test_the_same_files_give_the_same_crate():
    assert crate(FILES, **ABOUT) == crate(FILES, **ABOUT)


LICENSE = ("--license", "https://spdx.org/licenses/MIT")


def test_a_log_is_exported_with_the_verdicts_of_each_run_a_page_and_more_files(log, tmp_path, capsys):
    out, report = tmp_path / "crate.zip", tmp_path / "report.html"
    report.write_text("<html>")
    assert recint(capsys, "--log", log, "--export", out, *LICENSE, "--with", report) == (0, f"wrote {out}\n", "")
    with zipfile.ZipFile(out) as archive:
        archive.extractall(tmp_path / "crate")
    made = tmp_path / "crate"
    assert {path.name: path.read_bytes() for path in (made / "log").iterdir()} == {
        path.name: path.read_bytes() for path in log.glob("*.jsonl")
    }
    judged = {path.name: verdict_file.read(path) for path in (made / "verdicts").iterdir()}
    assert judged.keys() == {"one-aa11aaaa.json", "two-bb22bbbb.json", "one-aa33cccc.json"}
    assert [entry.verdict for entry in judged["one-aa11aaaa.json"].claims] == ["refuted", "supported"]
    assert (made / "files" / "report.html").read_text() == "<html>"
    assert (made / "log.html").is_file()
    assert "4 runs on 3 checkpoints" in json.loads((made / METADATA).read_text())["@graph"][1]["name"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "an RO-Crate says under which licence its files are: give the address of one (--license URL)"),
        ((*LICENSE, "--json"), "go with neither --claims, --json nor --html"),
        ((*LICENSE, "--with", "no-such"), "no-such"),
        ((*LICENSE, "--with", "a/r.html", "b/r.html"), "two files that are given by --with have the same name"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence_and_no_file(log, tmp_path, capsys, words, said):
    status, out, err = recint(capsys, "--log", log, "--export", tmp_path / "crate.zip", *words)
    assert (status, out) == (2, "")
    assert said in err
    assert not (tmp_path / "crate.zip").exists()


def test_a_licence_without_an_export_is_refused(log, capsys):
    status, _, err = recint(capsys, "--log", log, *LICENSE)
    assert status == 2
    assert "none is written (--export FILE.zip)" in err
