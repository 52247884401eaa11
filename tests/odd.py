"""Texts that mean something in Markdown, HTML and terminals, and what GitHub makes of a table."""

import re
from dataclasses import replace

from recint.judging.entry import Counterexample, Measurement, SearchSummary

from .entries import entry, run

ODD = [
    "a|b", "a\nb", "a\r\nb", "<b>bold</b>", "<img src=x onerror=y>", "*b*", "_b_", "`b`", "~~b~~", "[a](http://b)", "![](x)",
    "&lt;", "\\", "\\|", "# a", "> a", "\x1b[31mred", "\x00", "\x7f", "\x85", "\u2028", "\u202e", "\ud800", "🙂",
    '"', "'", "--", "]]>",
]  # fmt: skip


def cells(line):
    """Of a line of a table, as GitHub splits it."""
    return re.split(r"(?<!\\)\|", line)[1:-1]


def tables(text):
    """The lines of each table of a page, which end where a line is none of it."""
    found, table = [], []
    for line in [*text.split("\n"), ""]:
        if line.startswith("|"):
            table.append(line)
        elif table:
            found.append(table)
            table = []
    return found


def markup(text):
    """Tags of HTML that are not ours, outside of code."""
    return re.findall("<(?!br>|code>|/code>)[a-z/!]", re.sub("`[^`]*`", "", text))


def odd_run():
    claims = [entry(f"q.{text}", "refuted", message=text, statement=text) for text in ODD]
    found = SearchSummary(counterexample=Counterexample(value=0.1, where="c|<b>"))
    contrast = {"a|b\n": Measurement(statistic="it", value=0.1, relation=">=", threshold=1.0)}
    claims[0] = replace(claims[0], search=found, contrast=contrast, quantifier="everywhere")
    return run(*claims, name="|<b>\n# name")
