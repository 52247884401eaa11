"""The options of a run. Each is declared once, and `recint verify`, pytest and the GitHub Action take it from here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from recint import shipped
from recint.system.files import is_stream, named_path, values_beside
from recint.verdict import TOLERANCE as TOLERANCE_SHARE

COMMAND, PYTEST = "--", "--recint-"


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option: `--name` of a command, `--recint-name` of pytest, and the input `name` of the action, if it has that.

    Attributes:
        name: the name without dashes in front.
        help: what the option does: a phrase without a full stop.
        default: the value if the option is not given.
        otherwise: what happens if the option is not given, in words; empty if that is clear without words.
        metavar: what stands for the value in the help; None for a switch.
        type: turns a word of the command line into the value.
        choices: the values that are allowed; empty for any.
        action: "store" one value, "extend" a list of values, "store_true" or "store_false" for a switch.
        dest: the attribute that holds the value; empty if it has the option's name.
        short: a short form for commands, as `-n`.
        baseline: whether the option is also passed on when a baseline has to be judged first.
    """

    name: str
    help: str
    default: Any = None
    otherwise: str = ""
    metavar: str | None = None
    type: Callable[[str], Any] = str
    choices: tuple[str, ...] = ()
    action: Literal["store", "extend", "store_true", "store_false"] = "store"
    dest: str = ""
    short: str = ""
    baseline: bool = False

    @property
    def attribute(self) -> str:
        """The name under which a command's parsed options hold the value."""
        return self.dest or self.name

    @property
    def help_text(self) -> str:
        """The help with the default, with % escaped for argparse."""
        text = f"{self.help} (default: {self.otherwise})" if self.otherwise else self.help
        return text.replace("%", "%%")

    def declare(self, add: Callable[..., Any], prefix: str = COMMAND) -> None:
        """Declare the option.

        Args:
            add: `add_argument` of argparse, or `addoption` of pytest.
            prefix: what stands before the name: `COMMAND` or `PYTEST`.
        """
        flags = [*([self.short] if self.short and prefix == COMMAND else []), f"{prefix}{self.name}"]
        how: dict[str, Any] = {"action": self.action, "help": self.help_text, "dest": self.destination(prefix)}
        if self.action in ("store_true", "store_false"):
            add(*flags, **how)
            return
        if (
            self.action == "extend"
        ):  # pytest's arguments are paths, so an option of pytest must not take all words that follow
            how |= {"nargs": "+"} if prefix == COMMAND else {"action": "append"}
        if self.choices:
            how["choices"] = self.choices
        add(*flags, **how, type=self.type, metavar=self.metavar, default=self.default)

    def destination(self, prefix: str) -> str:
        """The attribute of argparse or pytest that holds the value, for example `recint_device` for the prefix `--recint-`."""
        return f"{prefix}{self.attribute}".lstrip("-").replace("-", "_")

    def words(self, value: Any, prefix: str = COMMAND) -> list[str]:
        """The words of a command line that give the option this value.

        >>> CLAIMS.words(["l0.*", "l1.*"]), CLAIMS.words(["l0.*", "l1.*"], PYTEST)
        (['--claims', 'l0.*', 'l1.*'], ['--recint-claims=l0.*', '--recint-claims=l1.*'])
        """
        flag = f"{prefix}{self.name}"
        if self.action in ("store_true", "store_false"):
            return [flag] if bool(value) == (self.action == "store_true") else []
        values = [*map(str, value or ())] if self.action == "extend" else [str(value)] if value is not None else []
        # With "=" the value is part of the word. pytest would look for a path in a word of its own, and argparse would take a
        # word that begins with a dash for an option.
        if prefix == PYTEST or any(item.startswith("-") for item in values):
            return [f"{flag}={item}" for item in values]
        return [flag, *values] if values else []


CHECKPOINT = Option(
    name="checkpoint",
    type=named_path,
    metavar="CHECKPOINT",
    help="the checkpoint: a folder, a .safetensors or a .pth",
    otherwise="the reference checkpoint that comes with recint",
)
TASK = Option(
    name="task",
    type=named_path,
    metavar="FILE.json",
    help="what the checkpoint was trained on, if it does not say it itself",
    otherwise="as the checkpoint says, or the notebook's affine recurrences",
    baseline=True,
)
HYPOTHESES = Option(
    name="hypotheses",
    type=named_path,
    metavar="DIR",
    help="a folder of claims of your own",
    default=str(shipped.CLAIMS),
    otherwise="the claims that come with recint",
    baseline=True,
)
CLAIMS = Option(
    name="claims", action="extend", metavar="GLOB", help="only the claims whose id matches, e.g. 'l2.*'", baseline=True
)
DEVICE = Option(
    name="device",
    metavar="auto|cpu|cuda",
    help="where the model runs",
    default="auto",
    otherwise="auto, which is cuda where there is one",
    baseline=True,
)
SEED = Option(
    name="seed",
    type=int,
    metavar="N",
    help="the seed of the independent draws",
    default=0,
    otherwise="0",
    baseline=True,
)
RUN_SEED = replace(SEED, default=None, otherwise="it follows from the tensors; with a baseline, as it was judged")
DRAWS = Option(
    name="draws",
    type=int,
    metavar="N",
    help="how many draws each estimate is made from",
    otherwise="200, then 1000, then 5000, until they decide; with a baseline, as it was judged",
    baseline=True,
)
NO_CONTROLS = Option(
    name="no-controls",
    dest="controls",
    action="store_false",
    help="do not judge untrained models too; then no verdict is vacuous",
    baseline=True,
)
PROFILE = Option(
    name="profile",
    metavar="PROFILE",
    choices=("default", "ci", "nightly"),
    help="how long Hypothesis searches: default, ci or nightly",
    otherwise="default, or ci if Hypothesis detects that it runs in CI",
    baseline=True,
)
WORKERS = Option(
    name="workers",
    short="-n",
    type=int,
    metavar="N",
    help="how many processes work at the same time",
    default=1,
    otherwise="1",
    baseline=True,
)
REPORT = Option(name="report", type=named_path, metavar="FILE.html", help="write an HTML report to this file")
VERDICTS = Option(name="verdicts", type=named_path, metavar="FILE.json", help="write the verdicts to this file as JSON")
JUNIT = Option(name="junit", type=named_path, metavar="FILE.xml", help="write the verdicts to this file as JUnit XML")
SUMMARY = Option(
    name="summary",
    type=named_path,
    metavar="FILE.md",
    help="append the board of verdicts to this file as Markdown, e.g. to $GITHUB_STEP_SUMMARY",
)
EXPECTED = Option(
    name="expected",
    type=named_path,
    metavar="FILE.toml",
    help="a file of expected verdicts",
    otherwise="the file of expected verdicts for this checkpoint, if there is one",
)
AGAINST = Option(
    name="against",
    type=named_path,
    metavar="BASELINE",
    help="the baseline that no verdict may drift from: a verdict file, a checkpoint, or the name of a checkpoint in the log",
)
ALLOW = Option(name="allow", action="extend", metavar="GLOB", help="claims that may drift from the baseline")
TOLERANCE = Option(
    name="tolerance",
    type=float,
    metavar="SHARE",
    help="how far a statistic may move from the baseline, as a share of it or of its threshold, whichever is larger",
    default=TOLERANCE_SHARE,
    otherwise=f"{TOLERANCE_SHARE:g}",
)
STRICT = Option(
    name="strict",
    action="store_true",
    help="a verdict that flips counts as drift, though its statistic did not move",
    default=False,
)
LOG = Option(
    name="log",
    type=named_path,
    metavar="DIR",
    help="the folder of the research log",
    otherwise="log, in the folder of the claims; recint-log, in the working folder, if the claims are installed",
    baseline=True,
)
NO_LOG = Option(
    name="no-log", dest="logging", action="store_false", help="leave no line in the research log", baseline=True
)

# The headings of the help, with their options.
GROUPS: dict[str, tuple[Option, ...]] = {
    "what is judged": (TASK, HYPOTHESES, CLAIMS),
    "how it is judged": (DEVICE, RUN_SEED, DRAWS, NO_CONTROLS, PROFILE, WORKERS),
    "what the verdicts are compared with": (EXPECTED, AGAINST, ALLOW, TOLERANCE, STRICT),
    "what is written": (REPORT, VERDICTS, JUNIT, SUMMARY, LOG, NO_LOG),
}
OPTIONS = (CHECKPOINT, *(option for group in GROUPS.values() for option in group))
_OF_PYTEST = (PROFILE, WORKERS)  # `--hypothesis-profile` and `-n`
TWINS = tuple(option for option in OPTIONS if option not in _OF_PYTEST)
OUTPUTS = (REPORT, VERDICTS, JUNIT, SUMMARY)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The values of the options of a run, given to `recint verify` or to pytest. Each option is described where it is declared."""

    checkpoint: str | None = None
    task: str | None = None
    hypotheses: str | None = None
    claims: tuple[str, ...] = ()
    device: str = "auto"
    seed: int | None = None
    draws: int | None = None
    controls: bool = True
    expected: str | None = None
    against: str | None = None
    allow: tuple[str, ...] = ()
    tolerance: float = TOLERANCE_SHARE
    strict: bool = False
    report: str | None = None
    verdicts: str | None = None
    junit: str | None = None
    summary: str | None = None
    log: str | None = None
    logging: bool = True

    @classmethod
    def of(cls, parsed: Callable[[str], Any], prefix: str = COMMAND) -> RunOptions:
        """The options as argparse or pytest has parsed them.

        Args:
            parsed: returns the value of an attribute, for example `recint_device` for the prefix `--recint-`.
        """
        values = {option.attribute: parsed(option.destination(prefix)) for option in TWINS}
        return cls(**values | {option.attribute: tuple(values[option.attribute] or ()) for option in (CLAIMS, ALLOW)})

    def words(self, prefix: str = COMMAND) -> Iterator[str]:
        """The words of a command line that give every option its value."""
        for option in TWINS:
            yield from option.words(getattr(self, option.attribute), prefix)

    @property
    def read(self) -> tuple[str | None, ...]:
        """The files and folders that the run reads and must not replace."""
        return self.checkpoint, self.task, self.expected, self.against

    @property
    def written(self) -> dict[str, str]:
        """The files that the run writes, by the names of their options. The file of values goes with the verdicts."""
        named = {option.name: path for option in OUTPUTS if (path := getattr(self, option.name))}
        return named | ({"values": values} if (values := self.values) else {})

    @property
    def values(self) -> str | None:
        """The file for the values of the draws, beside the verdict file; None if verdicts go to no file."""
        if self.verdicts is None or is_stream(Path(self.verdicts)):
            return None
        return str(values_beside(Path(self.verdicts)))
