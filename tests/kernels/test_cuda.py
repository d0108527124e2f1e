"""The GPU kernels as machine code for CUDA GPUs: made without one, and not run."""

from __future__ import annotations

import os

import pytest

from tsplat.bench import cuda
from tsplat.errors import BackendError

pytestmark = pytest.mark.slow
ARCHITECTURES = (75, 80, 86, 89, 90, 120)


@pytest.fixture(scope="module")
def usages() -> list[cuda.Usage]:
    """One PTX, for sm_75, is assembled for all; the script makes one for each kind of GPU."""
    try:
        cuda.compiler()
        cuda.assembler()
    except BackendError as error:
        if os.environ.get("TSPLAT_REQUIRE_GPU_TESTS"):
            pytest.fail(f"GPU tests must run here, but {error}")
        pytest.skip(str(error))
    return cuda.check({75: ARCHITECTURES})


BLENDED = {"render", "gradient", "iterate", "weigh", "descend"}
"""Kernels that there are two of."""


def test_every_kernel_assembles_for_every_architecture_without_spills(usages):
    for architecture in ARCHITECTURES:
        found = [u for u in usages if u.architecture == architecture]
        assert BLENDED | {"changed", "settle", "quantise"} <= {u.kernel for u in found}
        assert all(sum(u.kernel == name for u in found) % 2 == 0 for name in BLENDED)
        assert all(u.registers > 0 for u in found)
    assert not [u.name for u in usages if u.spilled]


def test_three_blocks_fit_a_multiprocessor(usages):
    """It has 64 K registers and, the smallest, 64 KB of shared memory; 256 threads a tile."""
    tiles = [u for u in usages if u.name in ("render: tiles", "iterate: tiles")]
    assert len(tiles) == 4 * len(ARCHITECTURES)
    assert max(u.registers for u in tiles) <= 80
    assert 0 < min(u.shared for u in tiles) <= max(u.shared for u in tiles) <= 16 << 10
