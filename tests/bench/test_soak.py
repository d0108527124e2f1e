"""A long encode, made short."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.clips import pictures
from tsplat.bench import soak
from tsplat.bench.pictures import Pictures
from tsplat.errors import TsplatError


def test_reports_come_while_it_encodes():
    clip = Pictures(pictures(4), Fraction(30))
    reports = list(soak.soak(clip, "realtime", 0.05, live=False, each=1.0))
    assert reports
    for minutes, rate, rss in reports:
        assert minutes >= 1 / 60
        assert rate > 0
        assert rss > 1


def test_an_encoder_that_fails_is_told(monkeypatch):
    monkeypatch.setattr(soak, "TSPLAT", ("false",))
    with pytest.raises(TsplatError, match="ended with 1"):
        list(soak.soak(Pictures(pictures(2), Fraction(30)), "realtime", 0.01, live=False))
