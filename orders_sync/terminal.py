"""What a terminal or a log shows, and what a person may paste into a shell. Pure."""

from __future__ import annotations

import shlex
from typing import Final

#: What may stand in a text of several lines.
LINES: Final = "\n\t"


def legible(text: str, *, keep: str = "") -> str:
    r"""Return a text with each character that shows nothing, or that a terminal obeys, spelt out.

    ESC becomes `\x1b`, a mark that turns the direction of writing `\u202e`. An id, a reason or a
    name of another system may hold any of them. Those in `keep` stay.
    """
    if text.isprintable():
        return text
    return "".join(
        part if part.isprintable() or part in keep else ascii(part)[1:-1] for part in text
    )


def command_line(*words: str) -> str:
    """Return a command as a shell takes it when it is pasted, whatever its words hold.

    A word with characters that show nothing is quoted byte by byte, as bash, zsh and ksh read it.
    """
    return " ".join(_quoted(word) for word in words)


def _quoted(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    shown = (
        part
        if part.isprintable() and part not in "'\\"
        else "".join(f"\\x{byte:02x}" for byte in part.encode(errors="surrogatepass"))
        for part in word
    )
    return f"$'{''.join(shown)}'"


def order_command(command: str, order_id: str, account: str) -> str:
    """Return `orders-sync COMMAND ORDER --account ACCOUNT`, as a shell takes it."""
    about = ["--account", account]
    words = [*about, "--", order_id] if order_id.startswith("-") else [order_id, *about]
    return command_line("orders-sync", *command.split(), *words)
