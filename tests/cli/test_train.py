"""`recint train`: what it leaves in its folder, and what it refuses."""

import os

from recint.checkpoint import load, save

from ..commands import recint, refused


def test_a_folder_of_training_is_no_file_and_holds_nothing_yet(capsys, tiny, tmp_path):
    kept = save(load(tiny), tmp_path / "keep.pth")
    before = kept.read_bytes()
    refused(capsys, "keep.pth: is a file, but a folder is to be written", "train", kept)
    refused(capsys, "new.pth: is the name of a file", "train", tmp_path / "new.pth")
    assert kept.read_bytes() == before
    (mine := tmp_path / "mine").mkdir()
    (mine / "README.md").write_text("two years of notes")
    refused(capsys, "mine: holds README.md, which training would replace", "train", mine)


def test_a_folder_whose_name_is_no_text(capsys, tmp_path):
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    refused(capsys, r"caf\udce9' is no text in UTF-8, but the name of a checkpoint must be: rename it", "train", odd)
    assert not odd.exists()


def test_recipes_that_make_no_sense(capsys, tmp_path):
    for arguments, said in (
        (["--c", "1", "-1"], "c=(1.0, -1.0) is empty"),
        (["--c", "-1e308", "1e308"], "c=(-1e+308, 1e+308) must be finite, and lie between -1000 and 1000"),
        (["--d", "0", "inf"], "d=(0.0, inf) must be finite"),
        (["--cap", "nan", "1"], "cap=(nan, 1.0) is empty"),
        (["--noise", "1e300"], "noise=1e+300 must be 0 or more, up to 1000"),
        (
            ["--family", "rotation", "--range", "angle", "0", "1e300"],
            "angle=(0.0, 1e+300) must be finite, and lie between",
        ),
        (["--c", "-900", "900", "--length", "64", "--n-ctx", "64"], "let terms grow to 900^64"),
        (["--rate", "inf"], "rate=inf must be at most 1000000"),
        (["--layer-norm-eps", "nan"], "layer_norm_eps=nan must be a number between 0 and 1"),
        (["--order", "14"], "order=14 must be below length=14"),
        (["--length", "40"], "length=40 needs 39 positions, but n_ctx=32"),
        (["--steps", "0"], "steps=0 must be at least 1"),
    ):
        refused(capsys, said, "train", tmp_path / "new", *arguments)
        assert not (tmp_path / "new").exists()


def test_train_from_the_command_line(tmp_path):
    sizes = "--n-layers 1 --n-heads 2 --d-model 16 --d-head 8 --d-mlp 16 --n-ctx 16 --d-vocab 5"
    options = f"{sizes} --steps 20 --batch 4 --warmup 5 --log-every 5 --validate-every 10 --validation 8 --snapshots 10"
    folder = tmp_path / "trained"
    status, out, _ = recint("train", folder, *options.split())
    assert status == 0, out
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md", "config.json", "history.json", "loss.svg", "model.safetensors", "snapshots",
    ]  # fmt: skip
    assert recint("train", folder, *options.split())[0] == 2
    assert recint("train", *options.split(), folder.with_name("again"))[0] == 0  # the folder after --snapshots
    assert load(folder.with_name("again")).sha256 == load(folder).sha256
