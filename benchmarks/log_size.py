"""How many bytes a run of the shipped log takes as it stands, and as it would be written now.

python benchmarks/log_size.py 0040bc96
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from recint import shipped
from recint.record import history, log_file
from recint.record.chain import Chain, packed
from recint.record.lines import parsed


def main(run: str) -> None:
    """Print both numbers, for the run's own line and per verdict.

    Args:
        run: the beginning of the run's number.
    """
    folder = shipped.record(shipped.CLAIMS, "log")
    known = log_file.read(folder)
    line = history.numbered(known.runs, run)
    entries = known.verdicts_of(line["run"])
    before: dict[str, list[int]] = {"run": [], "verdict": []}
    for content in log_file.contents(folder).values():
        for bytes_, own in zip(Chain(content).lines, parsed(content), strict=True):
            if not isinstance(own, str) and own.get("run") == line["run"]:
                before[own["kind"]].append(len(bytes_) + 1)
    ends = {path.name: packed(Chain(content).ends) for path, content in log_file.contents(folder).items()}
    short = {name: value for name, value in line.items() if name != "registered"}
    short |= {"registered_upto": ends[log_file.CLAIMS], "heads": ends}
    with TemporaryDirectory() as made:
        path = Path(made, "m.jsonl")
        log_file.append(path, [short, *log_file.verdict_lines(line["run"], entries, known)])
        first, *others = (len(bytes_) + 1 for bytes_ in Chain(path.read_bytes()).lines)
    print(f"run {line['run']}, {len(entries)} verdicts")
    print(f"line of the run: {sum(before['run'])} bytes before, {first} now")
    print(
        f"per verdict: {sum(before['verdict']) / len(entries):.0f} bytes before, {sum(others) / len(entries):.0f} now"
    )
    print(f"whole run: {sum(map(sum, before.values()))} bytes before, {first + sum(others)} now")


if __name__ == "__main__":
    main(*sys.argv[1:])
