"""`orders-sync completion`: what a shell needs to complete our commands."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

_SHELLS: dict[str, type[ShellComplete]] = {
    "bash": BashComplete,
    "zsh": ZshComplete,
    "fish": FishComplete,
}


class _AnyBash(BashComplete):
    """Bash, whose version is not looked at: the shell that reads the script may be another."""

    @staticmethod
    def _check_version() -> None:
        return


@click.command()
@click.argument("shell", type=click.Choice(list(_SHELLS)))
def completion(*, shell: str) -> None:
    """Print the script that completes commands, options, accounts, parked ids and causes.

    \b
    bash:  eval "$(orders-sync completion bash)"                in ~/.bashrc
    zsh:   eval "$(orders-sync completion zsh)"                 in ~/.zshrc
    fish:  orders-sync completion fish > ~/.config/fish/completions/orders-sync.fish
    """  # noqa: D301 - click's own mark for a paragraph that keeps its lines.
    from orders_sync.cli import main  # noqa: PLC0415 - The group imports this command.

    kind = _AnyBash if shell == "bash" else _SHELLS[shell]
    click.echo(kind(main, {}, "orders-sync", "_ORDERS_SYNC_COMPLETE").source())
