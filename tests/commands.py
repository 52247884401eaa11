"""Commands in a process of their own, and in this one when they are refused."""

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from recint import cli
from recint.catalogue import properties
from recint.verdict import SYMBOLS, words

ROOT = Path(__file__).parents[1]
CLAIMS = len(properties())


def answer(run):
    """The answer of a verdict file about tiny, up to what was expected."""
    counts = Counter(claim["verdict"] for claim in run["claims"])
    others = [
        f"{counts[verdict]} {words(verdict)}" for verdict in SYMBOLS if verdict != "supported" and counts[verdict]
    ]
    return ", ".join([f"{counts['supported']} of {CLAIMS} claims about tiny are supported", *others])


def recint(*arguments, cwd=ROOT):
    """Run the command in a process of its own; (status, standard output, standard error)."""
    quiet = ["--no-log"] if arguments[:1] == ("verify",) and "--log" not in arguments else []
    command = [sys.executable, "-m", "recint.cli", *map(str, arguments), *quiet]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=1800)
    return done.returncode, done.stdout, done.stderr


def refused(capsys, said, *arguments):
    assert cli.main([str(argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("recint: ")
    assert captured.err.count("\n") == 1
    assert said in captured.err


def wait_for(found, seconds=120):
    until = time.monotonic() + seconds
    while not (known := found()):
        assert time.monotonic() < until, "nothing happened"
        time.sleep(0.1)
    return known


def run(command, cwd, **environment):
    done = subprocess.run(
        [sys.executable, "-P", *map(str, command)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    return done.returncode, done.stdout


def found(path):
    return {claim["id"]: claim["verdict"] for claim in json.loads(path.read_text())["claims"]}


def calls(entry, commands, cwd, **environment):
    """(status, output) of several calls, in one process: to start one takes longer than all that is done in it."""
    script = f"import json, sys\nfrom {entry} import main\n"
    script += (
        "for number, call in enumerate(json.loads(sys.argv[1])): print(f'<end {number} {int(main(call))}>', flush=True)"
    )
    _, out = run(
        ["-c", script, json.dumps([[str(part) for part in command] for command in commands])], cwd, **environment
    )
    parts = re.split(r"<end \d+ (\d+)>\n", out)
    assert len(parts) == 2 * len(commands) + 1, out
    return [(int(status), told) for told, status in zip(parts[::2], parts[1::2], strict=False)]
