"""What went wrong, in one line: of an exception, and of a test that pytest could not run."""

from __future__ import annotations

import re


def of(error: BaseException) -> str:
    """What an exception says, in one line; a single word says too little without the kind of exception."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(map(of, error.exceptions))
    told = " ".join(str(error).split())
    return told if " " in told else f"{type(error).__name__}: {told}".removesuffix(": ")


def of_traceback(shown: str) -> str:
    """What a traceback of pytest ends with, without its mark and the exception's class."""
    lines = [line for line in shown.splitlines() if line.strip()]
    return re.sub(r"^E +([\w.]+: )?", "", lines[-1]) if lines else "no evidence and no error was reported"


def printable(text: str) -> str:
    """Nothing in a message moves the cursor or changes colours."""
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text)
