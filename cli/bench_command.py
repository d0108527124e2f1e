"""``tsplat bench``: a group, each of whose commands has a file of its own."""

from __future__ import annotations

import click

from . import bench_rd, bench_speed


@click.group("bench")
def command() -> None:
    """Compare with other codecs, on your own clips."""


command.add_command(bench_rd.command)
command.add_command(bench_speed.command)
