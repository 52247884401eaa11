"""The command line as a whole: which command is run, and how it ends.

Modules that load PyTorch are imported where they are used, which takes a while: so a call that is interrupted meanwhile, or
cannot import them, ends like any other.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, Protocol

from recint import BAD_CALL, __version__
from recint.cli import board, calibrate, claims, convert, expect, log, register, replicate, sweep, train, verify
from recint.system.escaping import line, readable
from recint.system.interruption import Interruption, watched_for

# As a shell tells of a program that was interrupted, or whose reader had enough.
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
    """What the module of a command has."""

    @property
    def HELP(self) -> str:
        """What the command does, for the list of commands."""

    @property
    def DESCRIPTION(self) -> str:
        """What the command does and what its exit status says, in some sentences."""

    @property
    def EXAMPLES(self) -> tuple[str, ...]:
        """Calls."""

    def declare(self, command: argparse.ArgumentParser) -> None:
        """Declare the options; it may load PyTorch for their defaults."""

    def run(self, options: argparse.Namespace) -> int:
        """Run the command and return the exit status."""


# In the order in which a newcomer needs them.
COMMANDS: dict[str, Command] = {
    "verify": verify,
    "claims": claims,
    "expect": expect,
    "register": register,
    "log": log,
    "board": board,
    "sweep": sweep,
    "replicate": replicate,
    "calibrate": calibrate,
    "train": train,
    "convert": convert,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status: 0 as expected, 1 refuted or departing, 2 whatever else went wrong."""
    with watched_for() as interruption:
        return _run(arguments, interruption)


def _run(arguments: Sequence[str] | None, interruption: Interruption) -> int:
    called = False
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
    except BaseException as error:  # status 1, which Python has for these, says that a claim was refuted
        if interruption.came or isinstance(error, KeyboardInterrupt):
            return INTERRUPTED
        if isinstance(error, SystemExit) and not called:  # of argparse, which has told why
            raise
        if isinstance(error, BrokenPipeError) and not error.filename:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python writes what is left at its end
            return UNREAD
        print(line(f"recint: {_sentence(error)}"), file=sys.stderr)
        return BAD_CALL


def _sentence(error: BaseException) -> str:
    match error:
        case ValueError():  # every error of input is one, and one sentence
            return str(error)
        case OSError(filename=str() | bytes() | Path() as name):
            return f"{os.fsdecode(name)}: {error.strerror or error}"
        case OSError():
            return f"standard output: {error.strerror}" if error.strerror else str(error)
        case MemoryError():
            return "there is not enough memory for this; try fewer draws, or fewer workers"
        case SystemExit():
            return f"the code of a claim ended the process (sys.exit({error.code!r})); let it raise an error instead"
    from traceback import extract_tb

    last = extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}, line {last.lineno}"
    return f"this should not have happened, please report it: {type(error).__name__}: {error} ({where})"


def parser(command: str | None = None) -> argparse.ArgumentParser:
    """The parser of a call.

    Args:
        command: the command that is called; only its options are declared. Without one, those of all commands are.
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
    def error(self, message: str) -> NoReturn:
        """One sentence, like every other error."""
        self.exit(BAD_CALL, f"recint: {message}; `{self.prog} --help` lists the options\n")


class _Formatter(argparse.HelpFormatter):
    """Fills paragraphs, leaves those with indented lines as they are, and lists commands as it lists options."""

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
