"""Kernels are tested with the shapes of their arrays checked."""

from __future__ import annotations

import pytest

from tsplat.kernels import arrays


@pytest.fixture(autouse=True)
def _checked(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(arrays, "CHECKED", True)
