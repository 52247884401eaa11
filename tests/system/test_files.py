"""Outputs: whole or not there, in the place of a file and of nothing else, and refused before the work if they cannot be."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from recint.system.files import atomic, cache_folder, from_here, read, write, write_folder

from ..conftest import files_of_at_most

ROOT = Path(__file__).parents[2]


def test_a_failing_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "kept"
    path.write_text("whole")

    def write_half():
        with atomic(path) as temporary:
            temporary.write_text("hal")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert [file.read_text() for file in tmp_path.iterdir()] == ["whole"]


def test_a_link_stays_and_what_it_points_to_is_written(tmp_path):
    real, link, dangling = tmp_path / "real.json", tmp_path / "in" / "link.json", tmp_path / "dangling.json"
    link.parent.mkdir()
    real.write_text("old")
    link.symlink_to("../real.json")
    dangling.symlink_to("made/later.json")
    write(link, "new")
    write(dangling, "new")
    assert link.is_symlink()
    assert dangling.is_symlink()
    assert real.read_text() == (tmp_path / "made" / "later.json").read_text() == "new"


def test_a_pipe_is_written_to_and_stays_one(tmp_path):
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    write(pipe, "told")
    reader.join(timeout=10)
    assert read == ["told"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


@pytest.fixture
def device(tmp_path):
    """Makes a device of this test's own: no test may name one of the machine's, which code that fails here would replace."""

    def make(name, minor):
        try:
            os.mknod(tmp_path / name, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
            (tmp_path / name).open().close()
        except OSError:
            pytest.skip("only root can make a device, and not in every file system")
        return tmp_path / name

    return make


def test_a_device_stays_one(device):
    write(null := device("null", 3), "gone")
    assert stat.S_ISCHR(null.stat().st_mode)


@pytest.mark.parametrize("named", ["link", "/proc/self/fd/1", "out"])
def test_what_standard_output_goes_to_is_not_replaced(tmp_path, named):
    """Neither is what was printed before, in a pipe or a file."""
    (tmp_path / "link").symlink_to("/proc/self/fd/1")  # as /dev/stdout is
    code = "import sys; from pathlib import Path; from recint.system.files import write"
    code += f"; print('before'); write(Path({named!r}), 'told\\n'); print('after')"
    command = [sys.executable, "-c", code]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with (tmp_path / "out").open("w") as out:
        subprocess.run(command, stdout=out, cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "out").read_text() == "before\ntold\nafter\n"
    if named != "out":
        piped = subprocess.run(command, capture_output=True, cwd=tmp_path, env=environment, text=True, check=True)
        assert piped.stdout == "before\ntold\nafter\n"


def test_a_file_keeps_its_permissions(tmp_path):
    path = tmp_path / "private"
    path.touch(mode=0o600)
    write(path, "new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_name_as_long_as_a_name_may_be(tmp_path):
    for name in ("n" * 255, "é" * 127):
        write(tmp_path / name, "told")
        assert (tmp_path / name).read_text() == "told"
    with pytest.raises(OSError, match="File name too long") as raised:
        write(tmp_path / ("n" * 256), "told")
    assert raised.value.filename == str(tmp_path / ("n" * 256))


def test_an_error_names_the_output(device):
    for place, said in ((device("full", 7), "No space left"), (Path("/proc/none/x"), "No such file")):
        with pytest.raises(OSError, match=said) as raised:
            write(place, "told")
        assert raised.value.filename == str(place)


def test_what_is_no_unicode_is_written_in_escapes(tmp_path):
    write(tmp_path / "a", "caf\udce9 ✓")
    assert (tmp_path / "a").read_bytes() == b"caf\\udce9 \xe2\x9c\x93"


def test_a_device_and_a_pipe_are_not_read(device, tmp_path):
    """A device may have no end. A pipe may have nobody who writes, and can be read only once."""
    os.mkfifo(tmp_path / "pipe")
    for path in (device("full", 7), tmp_path / "pipe"):
        with pytest.raises(ValueError, match=f"{path.name}: is not a regular file, but one is expected; save what"):
            read(path)
    with pytest.raises(ValueError, match="full: is not a regular file"):
        read(tmp_path / "full", once=True)


def test_a_pipe_is_read_by_whoever_reads_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_text("told"), daemon=True)
    writer.start()
    assert read(tmp_path / "pipe", once=True) == b"told"
    writer.join(timeout=10)


def test_a_folder_is_written_whole_or_not_at_all(tmp_path):
    files, there = {"first": "x", "second": "x" * 2000}, tmp_path / "there"
    there.mkdir()
    (there / "mine").touch()
    for folder in (tmp_path / "new" / "folder", there):
        with files_of_at_most(1000), pytest.raises(OSError, match="File too large"):
            write_folder(folder, files)
    assert sorted(tmp_path.rglob("*")) == [there, there / "mine"]
    write_folder(tmp_path / "new" / "folder", files)
    assert {path.name: path.read_text() for path in (tmp_path / "new" / "folder").iterdir()} == files


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value, found in (
        ("RECINT_CACHE", "~/cache", tmp_path / "cache"),
        ("RECINT_CACHE", "/elsewhere", Path("/elsewhere")),
        ("XDG_CACHE_HOME", "/shared", Path("/shared/recint")),
        ("XDG_CACHE_HOME", "", tmp_path / ".cache" / "recint"),
    ):
        monkeypatch.delenv("RECINT_CACHE", raising=False)
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setenv(name, value)
        assert cache_folder() == found


def test_nobody_home_is_a_sentence_unless_a_cache_is_named(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("RECINT_CACHE", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as it is for a user that the system does not know
    with pytest.raises(ValueError, match="no home folder is known"):
        cache_folder()
    monkeypatch.setenv("RECINT_CACHE", "/elsewhere")
    assert cache_folder() == Path("/elsewhere")


def test_a_path_in_the_working_folder_is_named_from_there(tmp_path, monkeypatch):
    """A snippet stands in logs and reports, which others read."""
    monkeypatch.chdir(tmp_path)
    assert from_here(tmp_path / "claims" / "a.py") == os.path.join("claims", "a.py")
    assert from_here("claims") == "claims"
    assert from_here(tmp_path.parent / "other") == str(tmp_path.parent / "other")
