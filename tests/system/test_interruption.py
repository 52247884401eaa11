"""Ctrl-C: one status whatever was interrupted, and no word from the processes that were at work."""

import os
import signal
import time
from multiprocessing import get_context

import pytest

from recint import cli
from recint.cli import claims
from recint.system.interruption import end_children, kept_from_children


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
