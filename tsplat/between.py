"""Splats between two coded frames."""

from __future__ import annotations

import numpy as np

from tsplat.splats import Splats


def between(before: Splats, now: Splats, origin: np.ndarray, at: float) -> Splats:
    """Splats part of the way from one frame to a later one.

    Parameters
    ----------
    before, now : Splats
        M and N of them.
    origin : (N,) int32
        Which of ``before`` each of ``now`` was; -1 for one that came. Those that are named by
        none went.
    at : float
        0 the frame before .. 1 now.

    Returns
    -------
    Splats
        Parameters mixed linearly; those that come or go weigh a share.

    >>> a, b = (Splats(np.full((1, 8), v, np.float32)) for v in (2, 4))
    >>> between(a, b, np.array([0]), 0.5).params[0, :2].tolist()
    [3.0, 3.0]
    """
    if at >= 1:
        return now
    share = np.float32(at)
    known = origin >= 0
    mixed = now.params.copy()
    mixed[known] = (1 - share) * before.params[origin[known]] + share * now.params[known]
    gone = np.ones(len(before), bool)
    gone[origin[known]] = False
    going = before.params[gone]
    weights = np.append(np.where(known, np.float32(1), share), np.full(len(going), 1 - share))
    return Splats(np.concatenate([mixed, going]), weights)
