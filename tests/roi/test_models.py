"""The manifest, sidecars, and fetching from a real server."""

from __future__ import annotations

import dataclasses
import hashlib
import http.server
import json
import os
import socket
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.roi.networks import RED, write_network
from tsplat.errors import ModelError
from tsplat.roi import models
from tsplat.roi.models import Model, fetch, locate, manifest, verify
from tsplat.roi.specs import InputSpec, OutputSpec

CONTENT = os.urandom(700_000)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """An empty cache folder."""
    place = tmp_path / "cache" / "models"
    monkeypatch.setattr(models, "cache_folder", lambda: place)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return place


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        answers = {"/good": CONTENT, "/short": CONTENT[:1000], "/other": CONTENT[::-1]}
        body = answers.get(self.path)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/good")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif body is None:
            self.send_error(404)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def server():
    with serving() as address:
        yield address


def example(source: str | None, **changes) -> Model:
    model = Model(
        name="example",
        file="example.onnx",
        bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        licence="MIT",
        attribution="nobody",
        source=source,
        bundled=False,
        accept_licence=False,
        description="",
        input=InputSpec(),
        output=OutputSpec(),
    )
    return dataclasses.replace(model, **changes)


def fails(model: Model, *words: str, **options) -> None:
    """Fetching is a ModelError of one line with these words, and leaves nothing behind."""
    with pytest.raises(ModelError) as caught:
        fetch(model, **options)
    message = str(caught.value)
    assert "\n" not in message
    for word in ("example", *words):
        assert word in message
    folder = models.cache_folder()
    assert not folder.exists() or not list(folder.iterdir())


def test_the_manifest_names_the_models():
    names = ["selfie-general", "selfie-landscape", "modnet", "u2net-human", "birefnet-portrait"]
    assert list(manifest()) == [*names, "pp-humanseg", "rvm", "sghm"]
    assert len({model.file for model in manifest().values()}) == 8


@pytest.mark.parametrize("name", ["selfie-general", "selfie-landscape"])
def test_shipped_files_are_those_of_the_manifest(name):
    model = manifest()[name]
    verify(model)
    assert model.bundled
    assert model.path.stat().st_size == model.bytes
    assert (model.path.parent / "README.md").is_file()
    located = locate(name)
    assert (located.name, located.path, located.input.size) == (name, model.path, model.input.size)


def test_gpl_is_asked_for_and_the_others_are_not():
    for model in manifest().values():
        assert model.accept_licence == model.licence.startswith("GPL")
        assert not (model.bundled and model.accept_licence)


def test_what_is_fetched_has_an_address_and_a_checksum():
    for model in manifest().values():
        if not model.bundled and model.source:
            assert model.source.startswith("https://")
            assert model.source.endswith(".onnx")
            assert len(model.sha256 or "") == 64


@pytest.mark.parametrize("path", ["/good", "/moved"])
def test_fetch_brings_the_file_and_tells_how_far_it_is(server, folder, path):
    steps: list[tuple[int, int | None]] = []
    got = fetch(example(server + path), progress=lambda *step: steps.append(step))
    assert got == folder / "example.onnx"
    assert got.read_bytes() == CONTENT
    assert list(folder.iterdir()) == [got]
    assert steps[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in steps] == sorted({done for done, _ in steps})


def test_a_file_that_is_there_is_not_fetched_again(folder):
    folder.mkdir(parents=True)
    (folder / "example.onnx").write_bytes(CONTENT)
    assert fetch(example("http://127.0.0.1:9/nothing")) == folder / "example.onnx"


def test_a_wrong_file_that_is_there_is_replaced(server, folder):
    folder.mkdir(parents=True)
    (folder / "example.onnx").write_bytes(b"other")
    assert fetch(example(server + "/good")).read_bytes() == CONTENT


def test_shipped_models_need_no_fetching():
    assert fetch("selfie-general") == manifest()["selfie-general"].path


def test_a_wrong_checksum_leaves_nothing_behind(server):
    fails(example(server + "/other"), "wrong checksum", server)


def test_a_wrong_checksum_leaves_an_old_file_alone(server, folder):
    folder.mkdir(parents=True)
    (folder / "example.onnx").write_bytes(b"old")
    with pytest.raises(ModelError, match="wrong checksum"):
        fetch(example(server + "/other"))
    assert [p.read_bytes() for p in folder.iterdir()] == [b"old"]


def test_a_transfer_that_breaks_off(server):
    fails(example(server + "/short"), "broke off after 1000 of 700000 bytes")


def test_a_missing_page(server, folder):
    fails(example(server + "/nowhere"), "Not Found", str(folder), "by hand")


def test_nobody_listens(folder):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/good"
    fails(example(address), "refused", address, "place example.onnx in", str(folder))


def test_more_bytes_than_there_should_be(server):
    fails(example(server + "/good", bytes=1000), "more than the 1000 bytes")


def test_a_model_of_unknown_size_is_capped(server, monkeypatch):
    monkeypatch.setattr(models, "MAX_BYTES", 1000)
    fails(example(server + "/good", bytes=None), "more than the 1000 bytes")


def test_a_licence_that_must_be_accepted(server):
    gpl = example(server + "/good", licence="GPL-3.0", accept_licence=True)
    fails(gpl, "GPL-3.0", "--accept-licence")
    assert fetch(gpl, accept_licence=True).read_bytes() == CONTENT


def test_a_model_that_is_published_nowhere(folder):
    fails(example(None, sha256=None), "no ONNX file is published", str(folder))


def test_a_folder_that_cannot_be_made(server, folder):
    folder.parent.mkdir()
    folder.write_text("a file")
    with pytest.raises(ModelError, match="cannot be written"):
        fetch(example(server + "/good"))


def test_a_known_model_that_is_not_here(folder):
    with pytest.raises(ModelError, match="tsplat models fetch modnet") as caught:
        locate("modnet")
    for word in (manifest()["modnet"].file, manifest()["modnet"].source, str(folder)):
        assert word in str(caught.value)


def test_a_file_placed_by_hand_is_used_if_it_is_the_right_one(folder, monkeypatch):
    model = example("http://127.0.0.1:9/nothing")
    monkeypatch.setitem(manifest(), "example", model)
    folder.mkdir(parents=True)
    (folder / "example.onnx").write_bytes(CONTENT)
    assert locate("example").path == folder / "example.onnx"
    (folder / "example.onnx").write_bytes(CONTENT[:-1])
    with pytest.raises(ModelError, match=r"example\.onnx: wrong checksum for example"):
        locate("example")


def test_an_unknown_name():
    with pytest.raises(ModelError, match="nonsense: no such matting model; known are selfie-gen"):
        locate("nonsense")
    with pytest.raises(ModelError, match="no such matting model"):
        fetch("nonsense")


def test_a_missing_file_of_ones_own(tmp_path):
    with pytest.raises(ModelError, match=r"mine\.onnx: no such file"):
        locate(tmp_path / "mine.onnx")
    with pytest.raises(ModelError, match=r"mine\.onnx: no such file"):
        locate("mine.onnx")


def test_a_file_of_ones_own_without_a_sidecar(tmp_path):
    path = write_network(tmp_path / "mine.onnx", RED)
    located = locate(str(path))
    assert (located.name, located.path) == (str(path), path)
    assert (located.input, located.output) == (InputSpec(), OutputSpec())


def test_a_sidecar_says_how_to_use_the_file(tmp_path):
    path = write_network(tmp_path / "mine.onnx", RED)
    tables = {"input": {"size": [8, 8], "mean": [0.5, 0.5, 0.5]}, "output": {"minmax": True}}
    path.with_suffix(".json").write_text(json.dumps(tables))
    located = locate(path)
    assert located.input == InputSpec(size=(8, 8), mean=(0.5, 0.5, 0.5))
    assert located.output == OutputSpec(minmax=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not readable JSON"),
        ("[]", "expected an object"),
        ('{"inputs": {}}', 'expected an object of "input" and "output"'),
        ('{"input": []}', "input: expected an object"),
        ('{"input": {"sice": [8, 8]}}', "input.sice: no such field; known are name, size"),
        ('{"input": {"size": [8]}}', "input.size: got [8], expected [height, width]"),
        ('{"input": {"size": [0, 8]}}', "input.size: got [0, 8], expected 1..8192"),
        ('{"input": {"size": [true, 8]}}', "expected 1..8192"),
        ('{"input": {"short_side": 2.5}}', "input.short_side: got 2.5, expected 1..8192"),
        ('{"input": {"multiple": 0}}', "input.multiple: got 0, expected 1..1024"),
        ('{"input": {"scale": 255}}', 'input.scale: got 255, expected "255" or "max"'),
        ('{"input": {"mean": [0, 0]}}', "input.mean: got [0, 0], expected three numbers"),
        ('{"input": {"mean": [0, 0, NaN]}}', "expected a number"),
        ('{"input": {"std": [1, 1, 0]}}', "expected three numbers other than 0"),
        ('{"input": {"recurrent": ["r1i"]}}', "input.recurrent: got ['r1i'], expected an object"),
        ('{"input": {"constants": {"ratio": "1"}}}', "expected a number"),
        ('{"input": {"name": ""}}', "input.name: got '', expected a name"),
        ('{"output": {"index": -1}}', "output.index: got -1, expected 0..255"),
        ('{"output": {"activation": "relu"}}', "output.activation: got 'relu', expected \"none\""),
        ('{"output": {"minmax": 1}}', "output.minmax: got 1, expected true or false"),
    ],
)
def test_a_sidecar_that_is_wrong(tmp_path, text, words):
    path = write_network(tmp_path / "mine.onnx", RED)
    path.with_suffix(".json").write_text(text)
    with pytest.raises(ModelError) as caught:
        locate(path)
    assert str(path.with_suffix(".json")) in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
