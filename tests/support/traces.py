"""What a folder holds, to see whether anything left a trace in it."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path


def contents(folder: Path) -> dict[str, str]:
    """Return all that is in a folder, by name: what it is, and since when and how open."""
    return {str(path.relative_to(folder)): _digest(path) for path in sorted(folder.rglob("*"))}


def _digest(path: Path) -> str:
    status = path.stat()
    text = sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    return f"{status.st_mode:o} {status.st_mtime_ns} {text}"
