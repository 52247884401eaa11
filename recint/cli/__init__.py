"""The command line: `recint COMMAND ...`."""

from recint.cli.main import main as main
