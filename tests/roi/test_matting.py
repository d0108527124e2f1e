"""The person is found, at any size; networks of every kind run; bad ones are named."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import skimage.data

from tests.clips import pictures
from tests.roi.networks import IMAGE, MATTE, RED, node, write_network
from tsplat.errors import ConfigError, ModelError
from tsplat.roi import Matting

ANY = ("n", 3, "h", "w")
ANY_MATTE = ("n", 1, "h", "w")


def iou(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a > 0.5, b > 0.5
    return (a & b).sum() / (a | b).sum()


def sidecar(path: Path, **tables) -> Path:
    path.with_suffix(".json").write_text(json.dumps(tables))
    return path


def grey(value: int, height: int = 8, width: int = 8) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


@pytest.mark.parametrize("model", ["auto", "selfie-general", "selfie-landscape"])
def test_the_person_is_found_where_she_is(model):
    matte = Matting(model)(pictures(1, 640, 360)[0])
    assert (matte.shape, matte.dtype) == ((360, 640), np.float32)
    assert matte.min() >= 0
    assert matte.max() <= 1
    for y, x in ((60, 280), (150, 280), (330, 120), (340, 380)):  # hair, face, shoulders
        assert matte[y, x] > 0.9
    for y, x in ((20, 20), (150, 60), (40, 420), (200, 620)):  # flag, wall
        assert matte[y, x] < 0.1


def test_a_mirrored_picture_has_a_mirrored_matte():
    frame, matting = pictures(1, 640, 360)[0], Matting()
    assert iou(matting(frame)[:, ::-1], matting(frame[:, ::-1])) > 0.95


@pytest.mark.parametrize(("height", "width"), [(360, 640), (361, 639), (149, 201), (90, 160)])
def test_the_matte_does_not_depend_on_the_number_of_pixels(height, width):
    large = Matting("selfie-landscape")(pictures(1, 1280, 720)[0])
    matte = Matting("selfie-landscape")(pictures(1, width, height)[0])
    assert matte.shape == (height, width)
    rows = ((np.arange(height) + 0.5) * 1280 / width).astype(int).clip(0, 719)
    columns = ((np.arange(width) + 0.5) * 1280 / width).astype(int)
    assert iou(matte, large[np.ix_(rows, columns)]) > 0.93


@pytest.mark.parametrize("part", [np.s_[:, 100:350], np.s_[40:250, :], np.s_[30:430, 150:300]])
def test_the_person_is_found_in_tall_and_wide_frames(part):
    photo = skimage.data.astronaut()
    whole = Matting("selfie-general")(photo)
    assert iou(Matting()(photo[part]), whole[part]) > 0.85


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (700, 1), (2, 3)])
def test_frames_that_are_hardly_any(shape):
    matte = Matting()(np.full((*shape, 3), 90, np.uint8))
    assert matte.shape == shape
    assert np.isfinite(matte).all()


def test_a_picture_without_a_person_has_an_empty_matte():
    assert Matting()(skimage.data.rocket()).mean() < 0.005
    assert Matting("selfie-general")(skimage.data.rocket()).mean() < 0.005


@pytest.mark.parametrize(
    ("height", "width", "model"),
    [
        (360, 640, "selfie-landscape"),
        (360, 481, "selfie-landscape"),
        (360, 480, "selfie-general"),
        (360, 360, "selfie-general"),
        (640, 360, "selfie-general"),
    ],
)
def test_auto_takes_what_the_frame_fills_better(height, width, model):
    matting = Matting()
    matting(np.zeros((height, width, 3), np.uint8))
    assert matting.model == model


def test_auto_chooses_again_when_the_size_changes():
    frame, matting = pictures(1, 640, 360)[0], Matting()
    wide = matting(frame)
    assert matting(frame[:, 150:450]).shape == (360, 300)
    assert matting.model == "selfie-general"
    np.testing.assert_array_equal(matting(frame), wide)
    assert matting.model == "selfie-landscape"


def test_the_result_is_the_callers_own():
    matting, (first, *_, last) = Matting(), pictures(20, 640, 360)
    matte = matting(first)
    kept = matte.copy()
    matting(last)
    np.testing.assert_array_equal(matte, kept)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, 100 / 255),
        ({"scale": "max"}, 100 / 200),
        ({"mean": [0.25, 0.9, 0.9], "std": [0.5, 0.1, 0.1]}, (100 / 255 - 0.25) / 0.5),
        ({"name": "image", "size": [8, 8]}, 100 / 255),
    ],
)
def test_a_picture_goes_in_as_the_spec_says(tmp_path, spec, expected):
    path = sidecar(write_network(tmp_path / "red.onnx", RED), input=spec)
    frame = np.empty((8, 8, 3), np.uint8)
    frame[:] = (100, 200, 50)
    np.testing.assert_allclose(Matting(path)(frame), expected, rtol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (40, 40), (40, 20), (30, 55), (5, 3)])
def test_geometry_is_undone(tmp_path, height, width):
    ramp = np.linspace(0, 255, height)[:, None] * 0.5 + np.linspace(0, 255, width)[None] * 0.5
    frame = np.repeat(ramp.round().astype(np.uint8)[..., None], 3, axis=2)
    matte = Matting(write_network(tmp_path / "red.onnx", RED))(frame)
    inside = np.s_[height // 5 : -(height // 5), width // 4 : -(width // 4) or None]
    assert np.abs(matte - ramp / 255)[inside].max() < 0.08


@pytest.mark.parametrize("turned", [False, True])
def test_a_frame_keeps_its_aspect_and_its_edge_is_repeated(tmp_path, turned):
    axis = 2 if turned else 3
    nodes = [*RED[:1], node("Slice", "red one many axis", "rest")]
    nodes += [node("Slice", "red last many axis", "edge")]
    nodes += [node("Concat", "rest edge", "alpha", axis=axis)]
    nodes[:0] = [node("Cast", f"{name}_", name, to=7) for name in ("one", "last", "many", "axis")]
    numbers = {"one_": 1, "last_": 7, "many_": 99, "axis_": axis}
    constants = {name: ((1,), [float(number)]) for name, number in numbers.items()}
    matting = Matting(write_network(tmp_path / "shift.onnx", nodes, constants=constants))
    frame = np.tile(np.array([0, 51, 102, 204], np.uint8)[None, :, None], (8, 1, 3))
    shifted = matting(frame.transpose(1, 0, 2) if turned else frame)
    matte = shifted.T if turned else shifted
    np.testing.assert_allclose(matte, np.tile([0.2, 0.4, 0.8, 0.8], (8, 1)), atol=1e-6)


@pytest.mark.parametrize(
    ("activation", "channels", "expected"),
    [
        ("none", 1, 1.0),  # 2, clipped
        ("sigmoid", 1, 1 / (1 + np.exp(-2))),
        ("softmax", 2, 1 / (1 + np.exp(-1))),
        ("argmax", 2, 1.0),
        (None, 2, 1.0),
    ],
)
def test_activations(tmp_path, activation, channels, expected):
    values = [1.0] * 64 + [2.0] * 64 if channels == 2 else [2.0] * 64
    path = write_network(
        tmp_path / "flat.onnx",
        [
            node("ReduceMean", "image", "mean"),
            node("Mul", "mean zero", "nothing"),
            node("Add", "nothing values", "alpha"),
        ],
        outputs={"alpha": (1, channels, 8, 8)},
        constants={"zero": ((1,), [0.0]), "values": ((1, channels, 8, 8), values)},
    )
    if activation:
        sidecar(path, output={"activation": activation})
    np.testing.assert_allclose(Matting(path)(grey(9)), expected, rtol=1e-6)


def test_minmax_stretches_a_matte_and_leaves_a_flat_one(tmp_path):
    path = sidecar(write_network(tmp_path / "red.onnx", RED), output={"minmax": True})
    frame = grey(60)
    assert np.allclose(Matting(path)(frame), 60 / 255)
    frame[4:] = 120
    assert set(np.unique(Matting(path)(frame))) == {0.0, 1.0}


def recurrent(path: Path) -> Path:
    """Gives an eighth of how many pictures it has seen, times a constant."""
    write_network(
        path,
        [
            node("ReduceMean", "image", "mean"),
            node("Mul", "mean zero", "nothing"),
            node("Add", "before eighth", "after"),
            node("Mul", "after strength", "strong"),
            node("Add", "nothing strong", "one"),
            node("Expand", "one shape", "alpha"),
            node("Shape", "image", "sizes"),
            node("Split", "sizes", "n c h w", axis=0),
            node("Concat", "n n h w", "shape", axis=0),
        ],
        inputs={"image": ANY, "before": ("a", 1, "b", "c"), "strength": (1,)},
        outputs={"alpha": ANY_MATTE, "after": ("a", 1, "b", "c")},
        constants={"zero": ((1,), [0.0]), "eighth": ((1,), [0.125])},
    )
    return sidecar(
        path,
        input={
            "short_side": 16,
            "multiple": 8,
            "recurrent": {"before": "after"},
            "constants": {"strength": 0.5},
        },
        output={"name": "alpha"},
    )


def test_a_recurrent_network_remembers_until_it_is_reset(tmp_path):
    matting = Matting(recurrent(tmp_path / "memory.onnx"))
    seen = [float(matting(grey(9))[3, 3]) for _ in range(3)]
    assert seen == [1 / 16, 2 / 16, 3 / 16]
    matting.reset()
    assert float(matting(grey(9))[3, 3]) == 1 / 16
    matting(grey(9))
    assert float(matting(grey(9, 20, 10))[3, 3]) == 1 / 16


def gives_its_size(path: Path) -> Path:
    """Gives the sum of its input's height and width, over 1000."""
    return write_network(
        path,
        [
            node("Shape", "image", "sizes"),
            node("Split", "sizes", "n c h w", axis=0),
            node("Concat", "n n h w", "shape", axis=0),
            node("Cast", "h", "height", to=1),
            node("Cast", "w", "width", to=1),
            node("Add", "height width", "both"),
            node("Mul", "both small", "one"),
            node("Expand", "one shape", "alpha"),
        ],
        inputs={"image": ANY},
        outputs={"alpha": ANY_MATTE},
        constants={"small": ((1,), [1e-3])},
    )


@pytest.mark.parametrize(
    ("frame", "size", "expected"),
    [
        ((360, 640), None, 64 + 128),
        ((640, 360), None, 128 + 64),
        ((30, 30), None, 64 + 64),
        ((1, 700), None, 32 + 256),
        ((360, 640), (96, 160), 96 + 160),
    ],
)
def test_a_network_of_any_size_gets_the_short_side_padded_to_a_multiple(
    tmp_path, frame, size, expected
):
    path = gives_its_size(tmp_path / "sizes.onnx")
    sidecar(path, input={"short_side": 60, "multiple": 32})
    matte = Matting(path, size=size)(grey(9, *frame))
    assert matte.shape == frame
    np.testing.assert_allclose(matte, expected / 1000, rtol=1e-5)


def test_a_matte_of_another_size_than_the_picture_is_scaled(tmp_path):
    nodes = [*RED[:1], node("AveragePool", "red", "alpha", kernel_shape=[2, 2], strides=[2, 2])]
    path = write_network(tmp_path / "half.onnx", nodes, outputs={"alpha": (1, 1, 4, 4)})
    frame = grey(0)
    frame[:, 4:] = 255
    matte = Matting(path)(frame)
    assert matte.shape == (8, 8)
    assert matte[0, 0] == 0
    assert matte[0, 7] == 1


def test_a_gpu_that_does_not_load_falls_back_to_the_cpu_with_a_warning(monkeypatch, capfd):
    offered = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: offered)
    matting = Matting()
    assert matting.provider == "CPU"
    assert matting.warning.startswith("selfie-landscape: CUDA is not usable")
    assert "\n" not in matting.warning
    assert matting(pictures(1, 640, 360)[0]).mean() > 0.2
    assert capfd.readouterr() == ("", "")


def test_the_cpu_is_no_reason_for_a_warning():
    matting = Matting()
    assert (matting.provider, matting.warning) == ("CPU", None)


def test_importing_roi_does_not_load_onnxruntime():
    program = "import sys, tsplat.roi, tsplat.roi.models; assert 'onnxruntime' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3), np.float32),
        np.zeros((0, 8, 3), np.uint8),
    ],
)
def test_what_is_no_frame_is_refused(frame):
    with pytest.raises(ConfigError, match="expected \\(H, W, 3\\) uint8"):
        Matting()(frame)


def test_settings_out_of_range_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="threads: got 0"):
        Matting(threads=0)
    with pytest.raises(ConfigError, match="selfie-landscape takes 144x256 only"):
        Matting("selfie-landscape", size=(256, 256))
    with pytest.raises(ConfigError, match="got 40x64, expected multiples of 32"):
        Matting(gives_its_size(tmp_path / "sizes.onnx"), size=(40, 64))


def refused(path: Path, *words: str) -> None:
    """Opening or running it is a ModelError of one line with the file and these words."""
    with pytest.raises(ModelError) as caught:
        Matting(path)(grey(9))
    message = str(caught.value)
    assert "\n" not in message
    for word in (str(path), *words):
        assert word in message


def test_a_file_that_is_not_onnx(tmp_path, capfd):
    path = tmp_path / "text.onnx"
    path.write_text("a matting model, honestly")
    refused(path, "cannot open it as an ONNX model")
    path.write_bytes(b"")
    refused(path, "cannot open it as an ONNX model")
    assert capfd.readouterr() == ("", "")


def test_a_truncated_file(tmp_path):
    path = write_network(tmp_path / "red.onnx", RED)
    path.write_bytes(path.read_bytes()[:-20])
    refused(path, "cannot open it as an ONNX model")


def test_too_many_inputs(tmp_path):
    path = write_network(
        tmp_path / "two.onnx",
        [*RED[:1], node("Add", "red more", "alpha")],
        inputs={"image": IMAGE, "more": MATTE},
    )
    refused(path, "2 inputs", "image, more", "sidecar")
    refused(sidecar(path, input={"name": "image"}), "2 inputs")


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((1, 4, 8, 8), ("4 channels", "expected 3")),
        ((1, 8, 8, 3), ("8 channels", "expected 3")),
        ((3, 8, 8), ("3 dimensions", "expected 4")),
    ],
)
def test_an_input_that_takes_no_picture(tmp_path, shape, words):
    nodes = [node("Identity", "image", "alpha")]
    path = write_network(tmp_path / "in.onnx", nodes, {"image": shape}, {"alpha": shape})
    refused(path, "input image", *words)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ({}, ("3 channels", "expected 1")),
        ({"activation": "softmax"}, ("3 channels", "expected 2")),
        ({"name": "pha"}, ("no output pha", "it has alpha")),
        ({"index": 1}, ("has 1 outputs",)),
    ],
)
def test_an_output_that_gives_no_matte(tmp_path, output, words):
    nodes = [node("Identity", "image", "alpha")]
    path = write_network(tmp_path / "out.onnx", nodes, outputs={"alpha": IMAGE})
    refused(sidecar(path, output=output), *words)


def test_an_output_of_another_rank(tmp_path):
    nodes = [node("ReduceMean", "image", "alpha", axes=[1], keepdims=0)]
    path = write_network(tmp_path / "flat.onnx", nodes, outputs={"alpha": (1, 8, 8)})
    refused(path, "output alpha has 3 dimensions")


def test_channels_that_show_only_when_it_runs(tmp_path):
    nodes = [node("Identity", "image", "alpha")]
    shape = ("n", "c", "h", "w")
    path = write_network(tmp_path / "any.onnx", nodes, {"image": shape}, {"alpha": shape})
    refused(path, "output alpha has 3 channels, expected 1")


def test_another_type_than_float(tmp_path):
    nodes = [node("ReduceMean", "image", "alpha", axes=[1])]
    path = write_network(tmp_path / "double.onnx", nodes, kind=11)
    refused(path, "input image is tensor(double), expected tensor(float)")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"size": [16, 16]}, ("input image is 8x8, expected 16x16",)),
        ({"name": "src"}, ("no input src", "it has image")),
        ({"recurrent": {"r1i": "alpha"}}, ("no input r1i",)),
        ({"constants": {"ratio": 1}}, ("no input ratio",)),
        ({"recurrent": {"image": "alpha"}}, ("0 inputs",)),
    ],
)
def test_a_spec_that_does_not_fit_the_file(tmp_path, spec, words):
    refused(sidecar(write_network(tmp_path / "red.onnx", RED), input=spec), *words)


def test_a_recurrent_output_that_is_not_there(tmp_path):
    path = recurrent(tmp_path / "memory.onnx")
    sidecar(path, input={"recurrent": {"before": "later"}, "constants": {"strength": 1}})
    refused(path, "no output later", "it has alpha, after")


def test_a_network_that_fails_when_it_runs(tmp_path):
    nodes = [node("Reshape", "image shape", "whole"), node("ReduceMean", "whole", "alpha")]
    nodes.insert(0, node("Cast", "numbers", "shape", to=7))
    path = write_network(
        tmp_path / "fails.onnx",
        nodes,
        {"image": ANY},
        {"alpha": ANY_MATTE},
        {"numbers": ((4,), [1.0, 7.0, 11.0, 13.0])},
    )
    refused(path, "failed to run")


def test_a_matte_of_nan(tmp_path):
    nodes = [*RED[:1], node("Mul", "red nan", "alpha")]
    path = write_network(tmp_path / "nan.onnx", nodes, constants={"nan": ((1,), [float("nan")])})
    refused(path, "not of finite numbers")
