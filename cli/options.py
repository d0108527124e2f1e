"""Options in groups, what they were called before, and those that commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


class Grouped(click.Command):
    """A command whose options are listed under headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx)
            if record is not None:
                groups.setdefault(getattr(option, "group", "Options"), []).append(record)
        for name, records in groups.items():
            with formatter.section(name):
                formatter.write_dl(records)


class _InGroup(click.Option):
    def __init__(self, *words: Any, group: str = "Options", **settings: Any):
        super().__init__(*words, **settings)
        self.group = group


def group(name: str) -> Callable[..., Callable]:
    """``click.option`` for a group."""

    def option(*words: str, **settings: Any) -> Callable:
        return click.option(*words, cls=_InGroup, group=name, **settings)

    return option


def renamed(old: str, new: str, is_flag: bool = False) -> Callable:
    """An option that is gone: who uses it is told what to write."""

    def refuse(ctx: click.Context, option: click.Parameter, value: Any) -> None:
        if value not in (None, False):
            raise click.UsageError(f"{old} is gone: use {new}", ctx)

    return click.option(
        old, hidden=True, expose_value=False, callback=refuse, is_flag=is_flag, default=None
    )


def backend_options(option: Callable[..., Callable]) -> Callable[[Callable], Callable]:
    """--arch and --threads."""

    def add(function: Callable) -> Callable:
        function = option(
            "--threads", type=click.IntRange(1, 1024), metavar="N", help="CPU threads.  [all]"
        )(function)
        return option(
            "--arch",
            type=click.Choice(["auto", "cpu", "cuda", "vulkan", "metal"]),
            default="auto",
            show_default=True,
            help="What the kernels run on; auto takes CUDA or Metal where there is one.",
        )(function)

    return add


def report_options(option: Callable[..., Callable]) -> Callable[[Callable], Callable]:
    """--json and --quiet."""

    def add(function: Callable) -> Callable:
        function = option("--quiet", is_flag=True, help="Warnings and errors alone.")(function)
        return option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")(
            function
        )

    return add
