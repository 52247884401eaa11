"""Workers of a sweep die: nobody is waited for in vain, and no checkpoint is blamed for what another one did."""

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import dask
import pytest
from distributed.scheduler import KilledWorker

from recint.sweep import jobs, watch
from recint.sweep.jobs import Done, How
from recint.sweep.watch import watched

from ..commands import wait_for
from ..sweeps import running_elsewhere

HOW = How(hypotheses="")


@pytest.fixture(autouse=True)
def look_often(monkeypatch):
    monkeypatch.setattr(watch, "EVERY", 0.1)


class TestWatched:
    """By itself, with stand-ins for a cluster."""

    @pytest.mark.parametrize("own", [True, False])
    def test_what_is_waited_for_is_said_once_and_a_cluster_of_ones_own_is_kept_at_its_size(self, own):
        scaled, said, found = [], [], iter([None, "a worker", "a worker", None, None])
        client = SimpleNamespace(cluster=SimpleNamespace(plan={0, 1, 2}, scale=scaled.append) if own else None)
        looked = []

        def missing():
            looked.append(next(found, None))
            return looked[-1]

        with watched(client, missing=missing, say=said.append, give_up=lambda: pytest.fail("gave up")):
            wait_for(lambda: len(looked) > 5)
        assert said == ["waiting for a worker", "a worker is there: the sweep goes on"]
        assert set(scaled) == ({3} if own else set())

    @pytest.mark.parametrize("own", [True, False])
    def test_only_a_cluster_of_ones_own_that_stays_without_a_worker_is_given_up(self, own, monkeypatch):
        monkeypatch.setattr(watch, "PATIENCE", 0.3)
        given_up, looked = [], []
        client = SimpleNamespace(cluster=SimpleNamespace(plan={0}, scale=lambda count: None) if own else None)

        def missing():
            looked.append(time.monotonic())
            return "a worker"

        with watched(client, missing=missing, say=lambda told: None, give_up=lambda: given_up.append(time.monotonic())):
            wait_for(lambda: len(looked) > 8)
        assert bool(given_up) == own
        assert not own or given_up[0] - looked[0] > 0.3

    def test_it_goes_on_after_a_scheduler_that_does_not_answer_and_ends_with_the_block(self):
        looked = []

        def missing():
            looked.append(None)
            raise OSError("the scheduler is gone")

        with watched(SimpleNamespace(cluster=None), missing=missing, say=pytest.fail, give_up=pytest.fail):
            wait_for(lambda: len(looked) > 2)
        known = len(looked)
        time.sleep(0.5)
        assert len(looked) == known

    def test_a_minute_is_not_over_before_a_wait_is_noticed(self):
        assert watch.PATIENCE <= 60
        assert watch.EVERY <= 60


class TestSuspects:
    """Futures are stand-ins: which are judged again, when, and with what beside them."""

    def judged(self, tmp_path, monkeypatch, *, kills):
        """What a sweep of a, b and c tells and says, and which checkpoints were submitted together."""
        submitted, said = [], []

        def submit(_, paths, **__):
            submitted.append(list(paths))
            return [self.future(path, dies=kills(path, len(paths))) for path in paths]

        monkeypatch.setattr("distributed.as_completed", iter)
        client = SimpleNamespace(cluster=None, map=submit, scheduler_info=lambda n_workers: {"workers": {"w": {}}})
        return list(jobs.sweep(["a", "b", "c"], HOW, tmp_path, client, say=said.append)), said, submitted

    def future(self, path, *, dies):
        error = KilledWorker(path, SimpleNamespace(address="tcp://w"), 3) if dies else None
        return SimpleNamespace(
            key=path,
            cancelled=lambda: False,
            exception=lambda: error,
            result=lambda: Done(path=path, verdicts={"supported": 1}),
            release=lambda: None,
        )

    def test_one_that_only_waited_beside_a_killer_is_judged(self, tmp_path, monkeypatch):
        found, said, submitted = self.judged(
            tmp_path, monkeypatch, kills=lambda path, beside: path == "a" or (path == "b" and beside > 1)
        )
        assert submitted == [["a", "b", "c"], ["a"], ["b"]]
        told = "a: every worker that judges it dies, also while no other checkpoint is judged (is there too little memory?)"
        good = {path: Done(path=path, verdicts={"supported": 1}) for path in "bc"}
        assert found == [good["c"], Done(path="a", error=told), good["b"]]
        again = "workers died while they judged it; it is judged again by itself, after all others"
        assert said[-2:] == [f"a: {again}", f"b: {again}"]

    def test_nothing_is_judged_again_where_nothing_died(self, tmp_path, monkeypatch):
        found, _, submitted = self.judged(tmp_path, monkeypatch, kills=lambda path, beside: False)
        assert ([done.path for done in found], submitted) == (["a", "b", "c"], [["a", "b", "c"]])


class TestCluster:
    """On processes of this machine, which are killed."""

    @pytest.fixture
    def client(self):
        with dask.config.set({"distributed.deploy.lost-worker-timeout": "1s"}), ExitStack() as stack:
            yield stack.enter_context(jobs.cluster(workers=1, scheduler=None))

    def test_only_the_checkpoint_that_kills_its_worker_is_an_error(self, client, tmp_path, monkeypatch):
        def task(path, how, out):
            if path == "killer":
                os.kill(os.getpid(), signal.SIGKILL)
            return Done(path=path, verdicts={"supported": 1})

        monkeypatch.setattr(jobs, "task", task)
        named = ["first", "second", "killer", "third", "fourth", "fifth"]
        found = {done.path: done.error for done in jobs.sweep(named, HOW, tmp_path, client)}
        assert found.keys() == set(named)
        assert [path for path, error in found.items() if error] == ["killer"]

    def test_a_worker_that_is_gone_for_good_is_replaced(self, client, tmp_path, monkeypatch):
        monkeypatch.setattr(jobs, "task", lambda path, how, out: time.sleep(1) or Done(path=path))
        said = []
        found = jobs.sweep(list("abcd"), HOW, tmp_path, client, say=said.append)
        assert next(found).error is None
        client.cluster.sync(client.cluster.workers[0].close)  # the process that restarts it, too
        assert [done.error for done in found] == [None] * 3
        assert said == ["waiting for a worker", "a worker is there: the sweep goes on"]

    def test_where_none_can_be_started_the_sweep_ends(self, client, tmp_path, monkeypatch):
        monkeypatch.setattr(watch, "PATIENCE", 0.5)
        monkeypatch.setattr(jobs, "task", lambda path, how, out: time.sleep(1) or Done(path=path))
        with monkeypatch.context() as patch:
            patch.setattr(client.cluster, "scale", lambda count: None)
            found = jobs.sweep(list("ab"), HOW, tmp_path, client)
            client.cluster.sync(client.cluster.workers[0].close)
            told = "no worker is left, and none could be started; what was judged is kept"
            with pytest.raises(ValueError, match=told):
                list(found)


def test_a_cluster_that_cannot_be_started_is_one_sentence(monkeypatch):
    def broken(**_):
        raise RuntimeError("Nanny failed to start.")

    monkeypatch.setattr("distributed.Client", broken)
    with (
        pytest.raises(ValueError, match=r"workers=2: a worker cannot be started here \(Nanny failed to start\.\)"),
        jobs.cluster(workers=2, scheduler=None),
    ):
        pass


@pytest.mark.slow
def test_a_scheduler_elsewhere_that_has_no_worker_left_is_waited_for_aloud(training, tmp_path):
    with running_elsewhere(training, tmp_path, workers=1) as (process, _, workers):
        workers[0].send_signal(signal.SIGKILL)
        address = next(word for word in process.args if word.startswith("tcp://"))
        time.sleep(8)  # long enough for a look
        dask_command = Path(sys.executable).with_name("dask")
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard"]
        with subprocess.Popen([dask_command, "worker", address, *options], stderr=subprocess.DEVNULL) as another:
            said, _ = process.communicate(timeout=300)
            another.kill()
    assert process.returncode == 0, said
    assert said.index("waiting for a worker") < said.index("a worker is there: the sweep goes on")
