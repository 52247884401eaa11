"""Outputs are tried before a run."""

import hashlib
from pathlib import Path

import pytest

from recint.system.files import values_beside
from recint.system.outputs import append, require_files

from ..conftest import files_of_at_most


class TestOutputsAreTriedBefore:
    def refused(self, said, *outputs, inputs=()):
        with pytest.raises(ValueError, match=said):
            require_files(*map(str, outputs), inputs=tuple(map(str, inputs)))

    def test_a_folder(self, tmp_path):
        self.refused("is a folder, but a file is to be written", tmp_path)
        self.refused("is a folder, but a file is to be written", f"{tmp_path}/new/")

    def test_one_file_for_two_outputs(self, tmp_path):
        (tmp_path / "link").symlink_to("same")
        self.refused("same: is named for two outputs", tmp_path / "same", tmp_path / "same")
        self.refused("link: is named for two outputs", tmp_path / "same", tmp_path / "link")
        self.refused("same: is named for two outputs", tmp_path / "same", tmp_path / "in" / ".." / "same")
        require_files("/dev/null", "/dev/null", None, str(tmp_path / "same"))

    def test_an_input(self, tmp_path):
        (tmp_path / "model.pth").touch()
        self.refused("model.pth: is read by this command", tmp_path / "model.pth", inputs=[tmp_path / "model.pth"])
        self.refused("config.json: is read by this command", tmp_path / "config.json", inputs=[tmp_path])

    @pytest.mark.parametrize(
        "name", ["claims.jsonl", "layer_0.py", "affine-a.toml", "model.safetensors", "notebook.pth"]
    )
    def test_code_a_log_expected_verdicts_or_tensors(self, tmp_path, name):
        path = tmp_path / name
        require_files(path)  # where there is none, there is nothing to lose
        path.write_text("two years of work")
        with pytest.raises(ValueError, match=f"{name}: would be replaced, but no output replaces a file that ends in"):
            require_files(tmp_path / "report.html", path)
        require_files(tmp_path / "report.html", own=(path,))
        assert path.read_text() == "two years of work"

    def test_what_the_command_keeps_itself(self, tmp_path):
        with pytest.raises(ValueError, match=r"run\.jsonl: is named for two outputs"):
            require_files(tmp_path / "run.jsonl", own=(tmp_path / "run.jsonl",))

    def test_a_file_where_a_folder_is_needed(self, tmp_path):
        (tmp_path / "file").touch()
        self.refused("file is a file, not a folder\\); name another file", tmp_path / "file" / "deep" / "x.html")

    @pytest.mark.parametrize("name", ["run.json", "run.txt"])
    def test_values_that_a_verdict_file_rests_on_which_is_not_replaced_too(self, tmp_path, name, monkeypatch):
        monkeypatch.chdir(tmp_path)
        verdicts, content = Path(name), b"values"
        values, named = values_beside(verdicts), hashlib.sha256(content).hexdigest()
        values.write_bytes(content)
        self.refused(
            f"{values}: would be replaced, but no verdict file that is replaced with it rests", verdicts, values
        )
        verdicts.write_text(named)
        require_files(verdicts, values)
        self.refused(f"{values}: would be replaced", "report.html", values)
        verdicts.write_text("of a run that ended before it wrote its values")
        require_files(verdicts, values)
        verdicts.write_text(named)
        Path("base.json").write_text(named)
        self.refused(
            f"{values}: would be replaced, but base.json rests on these values; name another", verdicts, values
        )
        Path("base.values").write_bytes(content)
        require_files(verdicts, values)
        assert values.read_bytes() == content


def test_what_cannot_be_appended_whole_leaves_what_was_there(tmp_path):
    (tmp_path / "old").write_text("old")
    for path in (tmp_path / "old", tmp_path / "new"):
        with files_of_at_most(1000), pytest.raises(OSError, match="File too large"):
            append(path, "x" * 2000)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("old", "old")]


def test_what_is_no_unicode_is_appended_in_escapes(tmp_path):
    for text in ("caf\udce9\n", "✓\n"):
        append(tmp_path / "new" / "s.md", text)
    assert (tmp_path / "new" / "s.md").read_bytes() == b"caf\\udce9\n\xe2\x9c\x93\n"
