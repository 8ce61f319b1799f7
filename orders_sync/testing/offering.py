"""Offers adapters as an installed package does, without installing one."""

from __future__ import annotations

from pathlib import Path

from orders_sync.erp.registry import GROUP


def offer(folder: Path, package: str, **adapters: str) -> None:
    """Write into `folder` what pip would of a package with these adapters, each `module:Class`.

    It is found by whoever has the folder on `sys.path`.
    """
    metadata = folder / f"{package.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    points = "\n".join(f"{name} = {target}" for name, target in adapters.items())
    (metadata / "entry_points.txt").write_text(f"[{GROUP}]\n{points}\n")
