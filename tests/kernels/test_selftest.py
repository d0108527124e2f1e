"""The self-test passes where results are equal, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from tsplat.kernels import runtime, selftest


def test_a_fit_changes_what_is_compared():
    found = selftest.results("cpu")
    assert set(found) == set(selftest.LIMITS)
    assert len(np.unique(found["picture"])) > 50
    assert np.abs(found["gradient"]).max(0).min() > 0
    assert (found["fit"] > 0).all()
    assert not any(selftest.differences(found, found).values())


@pytest.mark.parametrize(("name", "by"), [("picture", 2.0), ("gradient", 0.1), ("fit", np.nan)])
def test_what_differs_is_named(name, by):
    found = {"picture": np.ones(3), "gradient": np.ones((2, 8)), "fit": np.array(1.0)}
    other = found | {name: found[name] + by}
    assert f"{name} by" in selftest._excess(selftest.differences(found, other))
    assert selftest._excess(selftest.differences(found, found)) is None


def test_a_backend_that_does_not_start_or_finish_has_a_problem(monkeypatch):
    missing = next(a for a in ("metal", "cuda") if a not in runtime.available())
    found = selftest.selftest([missing])
    assert not found["passed"]
    assert "not available" in found["backends"][0]["problem"]
    monkeypatch.setattr(selftest, "SECONDS", 0.01)
    assert "did not finish" in selftest.selftest(["cpu"])["backends"][0]["problem"]
