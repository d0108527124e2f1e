"""docs/SECURITY.md names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs" / "SECURITY.md").read_text())


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED)))
def test_the_answer_to_an_attack_is_tested(file, name):
    assert f"\ndef {name}(" in (ROOT / file).read_text()


def test_every_attack_has_an_answer_that_is_tested():
    text = (ROOT / "docs" / "SECURITY.md").read_text().split("## What is left")[0]
    attacks = re.split(r"^\*\*", text, flags=re.MULTILINE)[1:]
    assert len(attacks) > 10
    assert all("`tests/" in attack for attack in attacks)
