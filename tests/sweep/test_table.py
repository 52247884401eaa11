"""The table of a sweep: a row for each checkpoint and claim."""

import json
import os
from pathlib import Path

from pyarrow import parquet

from recint.record import verdict_file
from recint.record.log import Log, Settled
from recint.sweep import jobs
from recint.sweep import table as sweep_record
from recint.sweep.row import Unjudged

from ..sweeps import ASKED, HOW, snapshots


def test_a_verdict_stands_as_its_own_run_does_not_as_an_earlier_one_on_the_same_tensors(training, tmp_path):
    done = jobs.task(str(snapshots(training)[2]), HOW, str(tmp_path))
    run = verdict_file.read(Path(done.file))
    code = {"commit": "c", "dirty": False, "registered": [claim.hash for claim in run.claims]}
    code |= {name: getattr(run, name) for name in ("seed", "draws", "profile")}
    earlier, own = (
        {"run": name, "when": when, "checkpoint": run.checkpoint, **code}
        for name, when in (("earlier", "2020-01-01T00:00:00+00:00"), ("own", run.started))
    )
    verdicts = {name: tuple(Settled(name, claim) for claim in run.claims) for name in ("earlier", "own")}
    for runs, standing in (([own], "confirmatory"), ([earlier, own], "exploratory"), ([earlier], None)):
        known = Log(runs=tuple(runs), verdicts=sum((verdicts[line["run"]] for line in runs), ()))
        assert {row.standing for row in sweep_record.rows([done], known)} == {standing}


def test_a_row_for_each_checkpoint_and_claim(training, tmp_path):
    how, path = HOW, str(snapshots(training)[2])
    done = [jobs.task(path, how, str(tmp_path)), jobs.Done(path="gone.pth", error="gone.pth: no such file")]
    table = sweep_record.rows(done, Log())
    sweep_record.write_table(table, tmp_path / "table.parquet")
    read = parquet.read_table(tmp_path / "table.parquet")
    assert tuple(read.column_names) == sweep_record.COLUMNS
    first, second, lost = read.to_pylist()
    assert (first["claim"], first["series"], first["step"], first["training_seed"]) == (ASKED[0], "seed9", 100, 9)
    run = json.loads(Path(done[0].file).read_text())
    assert first["value"] == run["claims"][0]["value"]
    assert [first["low"], first["high"]] == run["claims"][0]["estimate"]["ci"]
    assert first["per_head"] == run["claims"][0]["per_head"]
    assert second["claim"] == ASKED[1]
    assert (lost["path"], lost["error"], lost["claim"]) == ("gone.pth", "gone.pth: no such file", None)


def test_names_that_are_no_text_are_written_in_escapes(tmp_path):
    lost = Unjudged(
        path="caf\udce9", series="caf\udce9", step=None, training_seed=None, error="caf\udce9: no such file"
    )
    file = tmp_path / os.fsdecode(b"caf\xe9") / "table.parquet"
    sweep_record.write_table([lost], file)
    (row,) = parquet.read_table(file.rename(tmp_path / "table.parquet")).to_pylist()
    assert (row["path"], row["error"]) == (r"caf\udce9", r"caf\udce9: no such file")
