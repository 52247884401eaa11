"""`recint expect`: save the verdicts of a run as the expected verdicts."""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from recint import BAD_CALL, shipped
from recint.cli import verify
from recint.cli.options import add_checkpoint, add_run, load_for, take_path, tell
from recint.options import OUTPUTS
from recint.system.escaping import terminal
from recint.system.files import is_stream, named_path, write
from recint.system.outputs import require_files

HELP = "save the verdicts of a run as the expected verdicts"
DESCRIPTION = """\
Judges every claim on a checkpoint, or reads a verdict file, and saves the verdicts as the expected verdicts. `recint verify` then
expects these verdicts for this checkpoint. If the file of expected verdicts exists already, the reasons in it are kept.
"""
EXAMPLES = ("recint expect my-model", "recint expect my-model --from verdicts.json --into expected.toml")


def declare(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    add_checkpoint(command)
    command.add_argument(
        "--from", dest="use", type=named_path, metavar="FILE.json", help="read this verdict file instead of judging"
    )
    command.add_argument(
        "--into",
        type=named_path,
        metavar="FILE.toml",
        help="write the expected verdicts to this file (default: expected/CHECKPOINT.toml in the folder of the claims, or "
        "recint-expected/CHECKPOINT.toml in the working folder for the claims of an installed recint)",
    )
    add_run(command)


def run(options: argparse.Namespace) -> int:
    """Save the verdicts of a run as the expected verdicts, and keep the reasons that are there already."""
    from recint.judging import entries
    from recint.record import expected, verdict_file
    from recint.record.identity import brief, identity
    from recint.subjects import checkpoint_of

    take_path(options)
    if options.claims or options.against:
        raise ValueError(
            "expected verdicts are those on all claims, without a baseline: give neither --claims nor --against"
        )
    outputs = {option.name: getattr(options, option.attribute) for option in OUTPUTS}
    if options.use and (named := [f"--{name}" for name, path in outputs.items() if path]):
        raise ValueError(
            f"{', '.join(named)}: a run writes this, but with --from nothing is judged; leave it out, or leave out --from"
        )
    checkpoint = load_for(options, checkpoint_of(options.checkpoint, options.hypotheses))
    target = Path(options.into or shipped.record(Path(options.hypotheses), "expected") / f"{checkpoint.name}.toml")
    about = entries.about(checkpoint)
    expected.configuration(about)  # what cannot be written is told before the run
    old = expected.load(target) if target.exists() and not is_stream(target) else None
    if old and not options.into and not old.speaks_of(about):
        raise ValueError(
            f"{target}: has the expected verdicts of another checkpoint ({old.sha256[:12]}, {old.config or 'any config'}); "
            "to replace them, name this file with --into"
        )
    require_files(*outputs.values(), inputs=(options.checkpoint, options.task, options.use), own=(target,))
    with TemporaryDirectory() as scratch:
        source = options.use
        if not source:
            options.verdicts = options.verdicts or str(Path(scratch) / "verdicts.json")
            if verify.run(options) >= BAD_CALL:
                return BAD_CALL
            source = options.verdicts
        judged = verdict_file.read(Path(source))
    if identity(judged.checkpoint) != identity(about):
        raise ValueError(
            f"{source}: has the verdicts on another checkpoint than {checkpoint.name} ({brief(judged.checkpoint, digits=12)}, "
            f"not {brief(about, digits=12)}); verify it again"
        )
    if wrong := [entry.id for entry in judged.claims if entry.verdict == "error"]:
        raise ValueError(
            f"{source}: {', '.join(wrong)} ended in an error, which is no verdict to expect; mend it, and verify again"
        )
    known = old.claims if old else {}
    write(target, expected.text(judged, known))
    for sentence in expected.changes(known, judged):
        print(terminal(sentence))
    tell(target)
    return 0
