"""The command group. Subcommands are imported when they are called."""

from __future__ import annotations

import importlib
import sys

import click

from tsplat import __version__

_COMMANDS = {
    "encode": "Encode a clip into a .tsplat file.",
    "decode": "Decode a .tsplat file into a video, frames or a pipe.",
    "info": "Show what is in a .tsplat file.",
    "eval": "Compare a .tsplat file with its original.",
    "models": "List, fetch and verify the matting models.",
    "bench": "Compare with other codecs, on your own clips.",
    "reproduce": "Run the paper's experiments anew, on your own clips.",
    "doctor": "Show what this machine offers: backends, matting, versions, cache folder.",
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        return importlib.import_module(f"{__package__}.{name}_command").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="tsplat %(version)s")
def cli() -> None:
    """A video codec for people talking to a camera, built on 2D Gaussian splatting."""


def main() -> None:
    """Entry point: every failure becomes one line on stderr and an exit code."""
    from .console import guarded

    sys.exit(guarded(cli))


if __name__ == "__main__":
    main()
