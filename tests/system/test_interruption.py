"""Ctrl-C: one status whatever was interrupted, and no word from the processes that were at work."""

import os
import signal
import subprocess
import sys
import time
from multiprocessing import get_context

import psutil
import pytest

from recint import cli
from recint.cli import claims
from recint.system.interruption import end_children, end_with_parent, kept_from_children


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(1)


def test_an_interruption_that_an_import_makes_an_error_of_is_one(monkeypatch, capsys):
    def importing(options):
        try:
            interrupt()
        except KeyboardInterrupt as error:
            raise ImportError("initialization failed") from error

    monkeypatch.setattr(claims, "run", importing)
    before = signal.getsignal(signal.SIGINT)
    assert cli.main(["claims"]) == 130
    assert capsys.readouterr() == ("", "")
    assert signal.getsignal(signal.SIGINT) is before


def test_processes_are_ended_not_interrupted():
    with kept_from_children():
        child = get_context("spawn").Process(target=time.sleep, args=(60,))
        child.start()
    os.kill(child.pid, signal.SIGINT)
    child.join(1)
    assert child.is_alive()
    end_children()
    child.join(10)
    assert child.exitcode == -signal.SIGKILL


def test_an_interruption_as_they_begin_comes_after_that():
    with pytest.raises(KeyboardInterrupt), kept_from_children():
        interrupt()
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def follow_and_work():
    end_with_parent()
    print(os.getpid(), flush=True)
    time.sleep(60)


def start_follower():
    get_context("spawn").Process(target=follow_and_work).start()


@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_ends_with_the_one_that_started_it_even_if_that_is_killed(signal_):
    code = f"from {start_follower.__module__} import start_follower; start_follower()"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        follower = psutil.Process(int(parent.stdout.readline()))
        parent.send_signal(signal_)
        parent.wait(10)
        follower.wait(10)


def test_a_process_that_no_process_of_python_started_goes_on():
    end_with_parent()
