"""One line that says what went wrong: from an exception, or from a traceback of pytest."""

from __future__ import annotations

import re


def of(error: BaseException) -> str:
    """The message of an exception in one line. If the message is only one word, the class of the exception is put before it."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(map(of, error.exceptions))
    message = " ".join(str(error).split())
    return message if " " in message else f"{type(error).__name__}: {message}".removesuffix(": ")


def of_exit(error: SystemExit) -> str:
    """What it means that the code of a claim, or of what claims are about, has called sys.exit."""
    return f"the code of a claim ended the process (sys.exit({error.code!r})); let it raise an error instead"


def of_traceback(shown: str) -> str:
    """The last line of a traceback of pytest, without its mark "E" and the class of the exception."""
    lines = [line for line in shown.splitlines() if line.strip()]
    return re.sub(r"^E +([\w.]+: )?", "", lines[-1]) if lines else "no evidence and no error was reported"


def printable(text: str) -> str:
    """A message in which codes replace all characters that would move the cursor or change colours."""
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text)
