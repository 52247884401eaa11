"""The page on sweeps names what there is, and its scripts sweep, on stand-ins for the clusters that they start."""

import json
import os
import re
import shlex
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import dask
import pytest
from distributed import LocalCluster
from distributed.cli import dask_scheduler, dask_worker
from pyarrow import parquet

from recint import BAD_CALL
from recint.checkpoint import save
from recint.cli.main import INTERRUPTED, parser
from recint.model.untrained import untrained
from recint.sweep import jobs
from recint.sweep import table as sweep_record

from ..commands import wait_for
from ..conftest import TINY
from ..sweeps import FEW

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "sweeps.md").read_text()
PARTS = {part.partition("\n")[0]: part for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)}
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SCRIPTS = {
    name: next(text for text in SNIPPETS if f"import {name}" in text and "sys.exit" in text)
    for name in ("SLURMCluster", "KubeCluster")
}
COMMANDS = re.findall(r"^    (?! )(.+)$", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL), re.MULTILINE)
DASK = {"scheduler": dask_scheduler.main, "worker": dask_worker.main}


def parsed(arguments):
    return parser().parse_args(["sweep", *arguments])


class TestWords:
    @pytest.mark.parametrize("command", COMMANDS)
    def test_a_command_is_one(self, command):
        words = [word for word in shlex.split(command) if not word.startswith("CUDA_VISIBLE_DEVICES=")]
        if words[0] == "dask":
            DASK[words[1]].make_context(words[1], words[2:])
        elif words[0] == "export":
            alike = {name.upper().replace(".", "__"): value for name, value in jobs.AS_FAST_AS_ALONE.items()}
            assert words[1:] == [f"DASK_{name}={value}" for name, value in alike.items()]
            # A local cluster does without the same; that Dask has it is what makes the words on the page true.
            for name in jobs.AS_FAST_AS_ALONE:
                assert dask.config.get(name)
        elif words[:2] == ["python", "benchmarks/sweep_scale.py"]:
            assert (ROOT / words[1]).is_file()
        elif words[0] == "python":  # one of the scripts, which hands on what it is given
            assert f"`{words[1]}`:\n\n```python\n" in PAGE
            parsed([*words[2:], "--scheduler", "tcp://host:8786"])
        else:
            assert words[:2] == ["recint", "sweep"]
            parsed(words[2:])

    def test_an_option_exists(self):
        known = {option for command in DASK.values() for parameter in command.params for option in parameter.opts}
        (commands,) = [action.choices for action in parser()._actions if isinstance(action.choices, dict)]
        known |= set(commands["sweep"]._option_string_actions)
        outside = {"--gres"}  # Slurm's
        prose = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
        assert set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", prose)) <= known | outside

    def test_the_columns_are_those_of_the_table(self):
        table = PARTS["What goes in, what comes out"].partition("| columns | |")[2].partition("\n\n")[0]
        named = re.findall(r"`(\w+)`", " ".join(row.split("|")[1] for row in table.splitlines()[2:]))
        assert sorted(named) == sorted(sweep_record.COLUMNS)

    def test_the_statuses_are_those_of_the_command(self):
        assert re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE) == ["0", "1", str(BAD_CALL), str(INTERRUPTED)]

    def test_a_refusing_worker_says_what_the_page_quotes(self, tmp_path):
        path = str(save(untrained(TINY, seed=0), tmp_path / "model"))
        done = jobs.task(path, jobs.How(hypotheses=str(ROOT / "hypotheses"), code="another"), str(tmp_path))
        (said,) = re.findall(r"ends in \*(.+?)\*", PAGE, re.DOTALL)
        assert done.error.endswith(" ".join(said.split()))

    @pytest.mark.parametrize("link", re.findall(r"\]\((?!https:)(.+?)\)", PAGE))
    def test_a_link_leads_somewhere(self, link):
        file, _, heading = link.partition("#")
        text = (ROOT / "docs" / file).read_text()
        titles = [
            re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
            for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        ]
        assert not heading or heading in titles

    @pytest.mark.parametrize("text", SNIPPETS)
    def test_a_snippet_is_python(self, text):
        compile(text, "docs/sweeps.md", "exec")


def run(name, given, monkeypatch):
    """The script that imports this, as its reader would start it; its exit status."""
    monkeypatch.setattr(sys, "argv", ["script.py", *map(str, given)])
    with pytest.raises(SystemExit) as ended:
        exec(compile(SCRIPTS[name], "docs/sweeps.md", "exec"), {"__name__": "__main__"})
    return ended.value.code


class FakeSlurm(LocalCluster):
    """What the script asks of dask_jobqueue's SLURMCluster, with the keywords that version 0.9.0 has for it."""

    def __init__(self, *, queue, account, cores, processes, memory, walltime, job_script_prologue=()):
        assert cores == processes == 1
        super().__init__(n_workers=1, threads_per_worker=1, dashboard_address=":0")

    def adapt(self, *, minimum_jobs, maximum_jobs):
        assert 0 < minimum_jobs <= maximum_jobs


def make_cluster_spec(name, image, n_workers, worker_command, env):
    """The parts that the script changes of what dask_kubernetes.operator's has in version 2026.3.0."""

    def pod(arguments):
        return {"spec": {"containers": [{"image": image, "args": arguments, "env": env, "resources": None}]}}

    return {
        "metadata": {"name": name},
        "spec": {
            "worker": {"replicas": n_workers, **pod([*worker_command.split(" "), "--name", "$(DASK_WORKER_NAME)"])},
            "scheduler": pod(["dask-scheduler", "--host", "0.0.0.0"]),
        },
    }


class FakeKubernetes(ExitStack):
    """Starts the processes that the pods of a KubeCluster would, one of each."""

    def __init__(self, *, custom_cluster_spec, folder):
        super().__init__()
        pods = {part: custom_cluster_spec["spec"][part]["spec"] for part in ("scheduler", "worker")}
        self.arguments = {part: pod["containers"][0]["args"] for part, pod in pods.items()}
        self.folder = folder
        mounts, volumes = pods["worker"]["containers"][0]["volumeMounts"], pods["worker"]["volumes"]
        assert {mount["name"] for mount in mounts} == {volume["name"] for volume in volumes}

    def __enter__(self):
        file = self.folder / "scheduler.json"
        elsewhere = ["--port", "0", "--dashboard-address", ":0", "--scheduler-file", str(file)]
        self.start([*self.arguments["scheduler"], *elsewhere])
        port = json.loads(wait_for(lambda: file.exists() and file.read_text()))["address"].rpartition(":")[2]
        self.scheduler_address = f"tcp://127.0.0.1:{port}"
        self.start(self.arguments["worker"], DASK_SCHEDULER_ADDRESS=self.scheduler_address)
        return self

    def start(self, arguments, **environment):
        environment |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(arguments, cwd=self.folder, env=os.environ | environment, **quiet)
        self.callback(process.wait)
        self.callback(process.kill)


@pytest.fixture
def clusters(monkeypatch, tmp_path):
    """The packages that start clusters, which are not among recint's own."""
    kubernetes = SimpleNamespace(
        make_cluster_spec=make_cluster_spec, KubeCluster=lambda **given: FakeKubernetes(**given, folder=tmp_path)
    )
    monkeypatch.setitem(sys.modules, "dask_jobqueue", SimpleNamespace(SLURMCluster=FakeSlurm))
    monkeypatch.setitem(sys.modules, "dask_kubernetes", SimpleNamespace(operator=kubernetes))
    monkeypatch.setitem(sys.modules, "dask_kubernetes.operator", kubernetes)


@pytest.mark.slow
@pytest.mark.usefixtures("clusters")
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_sweeps_on_the_cluster_it_starts(name, tmp_path, monkeypatch):
    model = save(untrained(TINY, seed=0), tmp_path / "model")
    call = [model, tmp_path / "gone.pth", "--out", tmp_path / "out", "--no-log", *FEW]
    assert run(name, call, monkeypatch) == 1  # as the command says of a checkpoint that could not be judged
    table = parquet.read_table(tmp_path / "out" / "table.parquet").to_pylist()
    assert [row["error"] is None for row in table] == [True, True, False]
    told = re.findall(r"^\| `([\w.]+)/?` \|", PAGE.partition("| in the folder `--out` |")[2], re.MULTILINE)
    assert {path.name for path in (tmp_path / "out").iterdir()} <= set(told)
