"""The README's examples run, and its picture of the house is the house."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tsplat
from tests.clips import pictures, write_clip

README = Path(tsplat.__file__).parents[1] / "README.md"
TEXT = README.read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_examples_run(tmp_path, monkeypatch, number):
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "talk.mp4", pictures(5, 160, 90))
    found: dict = {"camera": lambda: iter(pictures(2, 640, 360))}
    exec(compile(EXAMPLES[number], f"README, example {number}", "exec"), found)
    assert "talk.tsplat" in {p.name for p in tmp_path.iterdir()} or found["picture"].shape


def test_there_are_examples():
    assert len(EXAMPLES) == 2


def test_the_house_is_as_it_is_drawn():
    drawing = TEXT[TEXT.index("```\ntsplat/\n") :].split("```")[1]
    drawn = set(re.findall(r"^  (\w+(?:\.py|/))", drawing, re.MULTILINE))
    root = Path(tsplat.__file__).parent
    there = {f"{p.name}/" for p in root.iterdir() if (p / "__init__.py").exists()}
    there |= {p.name for p in root.glob("*.py")} - {"__init__.py"}
    assert drawn == there


def test_options_that_are_shown_are_there():
    from tsplat_cli.decode_command import command as decode
    from tsplat_cli.encode_command import command as encode

    for name, command in (("encode", encode), ("decode", decode)):
        block = TEXT[
            TEXT.index(f"tsplat {name} ", TEXT.index("[--preset realtime|fast|slow|paper]") - 60) :
        ]
        block = block[: block.index("\ntsplat ", 5)]
        shown = set(re.findall(r"--[a-z-]+", block))
        known = {o for p in command.params for o in p.opts if not getattr(p, "hidden", False)}
        assert shown == {o for o in known if o.startswith("--")}, name
