"""A thread that works ahead: order, errors, and an end."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import pytest

from tsplat.files.ahead import ahead


def threads() -> int:
    return sum(t.name == "ahead" for t in threading.enumerate())


def test_items_come_in_order_and_the_thread_ends():
    assert list(ahead(iter(range(50)), 3)) == list(range(50))
    assert not threads()


def test_no_more_are_made_than_there_is_room_for():
    made = []

    def items():
        for k in range(100):
            made.append(k)
            yield k

    with closing(ahead(items(), 2)) as coming:
        assert next(coming) == 0
        time.sleep(0.3)
        # One is in use, two wait, and one waits to be put there.
        assert len(made) <= 4
    assert not threads()


def test_an_error_comes_when_what_was_before_it_was_taken():
    def items():
        yield 1
        yield 2
        raise OSError("unplugged")

    coming = ahead(items(), 5)
    assert [next(coming), next(coming)] == [1, 2]
    with pytest.raises(OSError, match="unplugged"):
        next(coming)
    assert not threads()
