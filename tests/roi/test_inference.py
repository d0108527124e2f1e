"""Sessions of ONNX Runtime: opened, or refused with one line."""

from __future__ import annotations

import numpy as np
import pytest

from tests.roi.networks import IMAGE, RED, write_network
from tsplat.errors import ModelError
from tsplat.roi.inference import available, open_session


def test_a_network_runs_on_what_is_offered(tmp_path):
    session, provider, _ = open_session("red", write_network(tmp_path / "red.onnx", RED), 1)
    assert provider in available()
    image = np.random.default_rng(0).random(IMAGE, np.float32)
    assert np.array_equal(session.run(None, {"image": image})[0], image[:, :1])


def test_other_files_are_refused_with_one_line(tmp_path):
    path = tmp_path / "text.onnx"
    path.write_text("no network")
    for wrong in (path, tmp_path / "missing.onnx"):
        with pytest.raises(ModelError, match="cannot open it as an ONNX model") as error:
            open_session("text", wrong, 1)
        assert str(error.value).startswith(str(wrong))
        assert "\n" not in str(error.value)
