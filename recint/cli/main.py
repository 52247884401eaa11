"""The command line: finds the command, runs it, and turns every error into one sentence and an exit status.

Modules that load PyTorch take a while to import, so each command imports them inside `run`. Then Ctrl-C or an error during such an
import is handled here too.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn, Protocol

from recint import BAD_CALL, __version__
from recint.cli import (
    attest,
    board,
    calibrate,
    claims,
    convert,
    expect,
    explain,
    init,
    log,
    mechanism,
    register,
    replicate,
    sweep,
    train,
    verify,
)
from recint.system import reasons
from recint.system.escaping import line, readable
from recint.system.interruption import Interruption, watched_for

# The exit statuses that a shell reports for a program after Ctrl-C, and for one whose output nobody reads any more.
INTERRUPTED, UNREAD = 130, 141

DESCRIPTION = """\
recint checks what is claimed about the circuit of a small transformer. It judges every claim on a checkpoint: supported, refuted,
or neither.
"""
EPILOG = """\
start here:
  recint verify                  judge the claims on the checkpoint that comes with recint
  recint verify my-model         judge them on a checkpoint of your own
  recint COMMAND --help          what a command does, with examples
"""


class Command(Protocol):
    """The names that the module of a command must have."""

    @property
    def HELP(self) -> str:
        """What the command does, in a few words for the list of commands."""

    @property
    def DESCRIPTION(self) -> str:
        """What the command does and what its exit status means, in a few sentences."""

    @property
    def EXAMPLES(self) -> tuple[str, ...]:
        """Example calls."""

    def declare(self, command: argparse.ArgumentParser) -> None:
        """Declare the options. This may load PyTorch, if a default value needs it."""

    def run(self, options: argparse.Namespace) -> int:
        """Run the command and return the exit status."""


# In the order in which a newcomer needs them.
COMMANDS: dict[str, Command] = {
    "verify": verify,
    "explain": explain,
    "init": init,
    "attest": attest,
    "claims": claims,
    "expect": expect,
    "register": register,
    "log": log,
    "board": board,
    "sweep": sweep,
    "replicate": replicate,
    "mechanism": mechanism,
    "calibrate": calibrate,
    "train": train,
    "convert": convert,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status.

    0: all verdicts are as they should be. 1: a verdict is not. 2: anything else went wrong. 130: Ctrl-C. 141: nobody reads the
    output any more.

    Args:
        arguments: the words after `recint`; None means those of this process.
    """
    with watched_for() as interruption:
        return _run(arguments, interruption)


def _run(arguments: Sequence[str] | None, interruption: Interruption) -> int:
    called = False
    _open_streams()
    readable(sys.stdout, sys.stderr)
    try:
        given = [*(sys.argv[1:] if arguments is None else arguments)]
        whole = parser(next((word for word in given if word in COMMANDS), ""))
        if not given:
            whole.print_help()
            return BAD_CALL
        options = whole.parse_args(given)
        called = True
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except BaseException as error:  # Python would end with status 1, which means that a claim was refuted
        if interruption.came or isinstance(error, KeyboardInterrupt):
            return INTERRUPTED
        if isinstance(error, SystemExit) and not called:  # from argparse, which has printed the reason
            raise
        if isinstance(error, BrokenPipeError) and not error.filename:
            os.dup2(
                os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
            )  # at its end Python flushes standard output, which would fail again
            return UNREAD
        with suppress(OSError):  # whoever cannot read the sentence still gets the status
            print(line(f"recint: {_sentence(error)}"), file=sys.stderr)
        return BAD_CALL


def _open_streams() -> None:
    """Output that was closed before the command began, as by `>&-`, leads nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))


def _sentence(error: BaseException) -> str:
    match error:
        case UnicodeError():
            return f"a text is not in UTF-8, as names of files and inputs must be ({error})"
        case ValueError():  # an error of input is a ValueError with one sentence
            return str(error)
        case OSError(filename=str() | bytes() | Path() as name):
            return f"{os.fsdecode(name)}: {error.strerror or error}"
        case OSError():
            return f"standard output: {error.strerror}" if error.strerror else str(error)
        case MemoryError():
            return "there is not enough memory for this; try fewer draws, or fewer workers"
        case SystemExit():
            return reasons.of_exit(error)
    from traceback import extract_tb

    last = extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}, line {last.lineno}"
    return f"this should not have happened, please report it: {type(error).__name__}: {error} ({where})"


def parser(command: str | None = None) -> argparse.ArgumentParser:
    """The parser of the command line.

    Args:
        command: the only command whose options are declared; None declares the options of all commands.
    """
    whole = _Parser(prog="recint", description=DESCRIPTION, epilog=EPILOG, formatter_class=_Formatter)
    whole.add_argument("--version", action="version", version=__version__, help="print the version")
    commands = whole.add_subparsers(required=True, title="commands", metavar="COMMAND")
    for name, module in COMMANDS.items():
        one = commands.add_parser(
            name,
            help=module.HELP,
            description=module.DESCRIPTION,
            epilog="\n".join(["examples:", *(f"  {example}" for example in module.EXAMPLES)]),
            formatter_class=_Formatter,
        )
        one.set_defaults(run=module.run)
        if command in (None, name):
            module.declare(one)
    return whole


class _Parser(argparse.ArgumentParser):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # By itself, argparse takes -1e-3 and -inf for options.
        self._negative_number_matcher = re.compile(r"-(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$|-(inf|nan)$", re.IGNORECASE)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Refuse unknown words, with the help of the command that they were given to."""
        options, unknown = super().parse_known_args(args, namespace)
        if unknown:
            word = unknown[0].partition("=")[0]
            close = get_close_matches(word, self._option_string_actions, n=1)
            meant = f" (did you mean {close[0]}?)" if close else ""
            self.error(f"unrecognized arguments: {' '.join(unknown)}{meant}")
        return options, unknown

    def error(self, message: str) -> NoReturn:
        """Print one sentence, like every other error, and end with status 2."""
        self.exit(BAD_CALL, f"recint: {message}; `{self.prog} --help` lists the options\n")


class _Formatter(argparse.HelpFormatter):
    """Wraps paragraphs, but keeps those with indented lines as they are. Lists commands in the same way as options."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        fill = super()._fill_text
        blocks = text.strip().split("\n\n")
        return "\n\n".join(block if "\n  " in block else fill(block, width, indent) for block in blocks)

    def _format_action(self, action: argparse.Action) -> str:
        if isinstance(action, argparse._SubParsersAction):
            return "".join(map(super()._format_action, action._choices_actions))
        return super()._format_action(action)
