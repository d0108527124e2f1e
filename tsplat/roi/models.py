"""Where matting models are, what they are, and how they get there.

Two are shipped; others are fetched on request into the user's cache folder, or placed there by
hand, and are used only if their checksum is that of the manifest. Nothing here needs ONNX Runtime.
"""

from __future__ import annotations

import functools
import hashlib
import http.client
import importlib.resources
import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tsplat import home
from tsplat.errors import ModelError
from tsplat.roi.specs import InputSpec, OutputSpec, parse

MAX_BYTES = 2**31
"""Of a model whose size the manifest does not know; ONNX files cannot be larger."""
_CHUNK = 1 << 18
_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Model:
    """An entry of the manifest.

    Attributes
    ----------
    name, file, description : str
    bytes : int or None
        Size of the file, where it is known.
    sha256 : str or None
        Checksum of the file, hexadecimal; None for one that the user makes.
    licence, attribution : str
    source : str or None
        Address of the file, or of what a shipped one is made of.
    bundled : bool
        It is shipped.
    accept_licence : bool
        Its licence binds whoever uses it: fetching asks for consent.
    input : InputSpec
    output : OutputSpec
    """

    name: str
    file: str
    bytes: int | None
    sha256: str | None
    licence: str
    attribution: str
    source: str | None
    bundled: bool
    accept_licence: bool
    description: str
    input: InputSpec
    output: OutputSpec

    @property
    def path(self) -> Path:
        """Where the file is, or has to be."""
        return (_bundle() if self.bundled else cache_folder()) / self.file


@dataclass(frozen=True)
class Located:
    """A model file that is there, and how to use it."""

    name: str
    path: Path
    input: InputSpec
    output: OutputSpec


def cache_folder() -> Path:
    """Folder of fetched models, in the user's cache folder."""
    return home.cache_folder("models")


@functools.cache
def manifest() -> dict[str, Model]:
    """The known models by name."""
    entries = json.loads((_bundle() / "manifest.json").read_text("utf-8"))["models"]
    return {entry["name"]: _model(entry) for entry in entries}


def entry(name: str) -> Model:
    """The manifest's entry of that name.

    Raises
    ------
    ModelError
        There is none.
    """
    if name not in manifest():
        raise ModelError(
            f"{name}: no such matting model; known are {', '.join(manifest())}, "
            "or give an .onnx file"
        )
    return manifest()[name]


def locate(model: str | Path) -> Located:
    """Find a model by its name in the manifest, or as the user's own file.

    Parameters
    ----------
    model : str or Path
        A name, or the path of an ``.onnx`` file; a ``.json`` of the same name beside it may
        say how to use it (see :mod:`tsplat.roi.specs`).

    Raises
    ------
    ModelError
        The name is not known, the file is missing or has the wrong checksum, or the sidecar
        is not valid.
    """
    own = isinstance(model, Path) or model.endswith(".onnx") or os.sep in model
    if own:
        return _own(Path(model))
    known = entry(str(model))
    verify(known)
    return Located(known.name, known.path, known.input, known.output)


def verify(model: Model) -> None:
    """Check that the file of a known model is there and is the right one.

    Raises
    ------
    ModelError
        It is missing, cannot be read, or has another checksum.
    """
    try:
        with open(model.path, "rb") as file:
            digest = hashlib.sha256()
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except FileNotFoundError:
        raise ModelError(f"{model.name}: {model.path} is missing; {_remedy(model)}") from None
    except OSError as error:
        raise ModelError(f"{model.path}: cannot be read ({_reason(error)})") from error
    if model.sha256 and digest.hexdigest() != model.sha256:
        raise ModelError(f"{model.path}: wrong checksum for {model.name}; {_remedy(model)}")


def fetch(
    model: str | Model,
    *,
    accept_licence: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
) -> Path:
    """Get a model's file into the cache folder, unless it is there already.

    Parameters
    ----------
    model : str or Model
        A name in the manifest, or an entry.
    accept_licence : bool
        Consent to a licence that asks for it.
    progress : callable, optional
        Called with (bytes so far, bytes in all or None).

    Returns
    -------
    Path
        The file, its checksum verified.

    Raises
    ------
    ModelError
        The name is not known, the model is published nowhere, its licence was not accepted,
        the file could not be had or written, or it is not the one that the manifest names.
    """
    model = entry(model) if isinstance(model, str) else model
    if model.bundled or _is_right(model):
        verify(model)
        return model.path
    if model.source is None:
        raise ModelError(f"{model.name}: {_remedy(model)}")
    if model.accept_licence and not accept_licence:
        raise ModelError(
            f"{model.name}: is licensed {model.licence}; fetching it takes consent: "
            "--accept-licence (accept_licence=True)"
        )
    folder = model.path.parent
    beside = folder / f".{model.file}.{os.getpid()}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _download(model, beside, progress)
        os.replace(beside, model.path)
    except OSError as error:
        raise ModelError(f"{model.path}: cannot be written ({_reason(error)})") from error
    finally:
        if beside.exists():
            beside.unlink()
    return model.path


def _bundle() -> Path:
    return Path(str(importlib.resources.files("tsplat_models")))


def _model(entry: dict) -> Model:
    where = f"manifest.json: {entry['name']}"
    specs = {
        "input": parse(InputSpec, entry["input"], f"{where}.input"),
        "output": parse(OutputSpec, entry["output"], f"{where}.output"),
    }
    return Model(**{**entry, **specs})


def _own(path: Path) -> Located:
    if not path.is_file():
        raise ModelError(f"{path}: no such file; give an .onnx file or a name from `models list`")
    sidecar = path.with_suffix(".json")
    if not sidecar.exists():
        return Located(str(path), path, InputSpec(), OutputSpec())
    try:
        table = json.loads(sidecar.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{sidecar}: is not readable JSON ({_reason(error)})") from error
    if not isinstance(table, dict) or set(table) - {"input", "output"}:
        raise ModelError(f'{sidecar}: expected an object of "input" and "output"')
    return Located(
        str(path),
        path,
        parse(InputSpec, table.get("input", {}), f"{sidecar}: input"),
        parse(OutputSpec, table.get("output", {}), f"{sidecar}: output"),
    )


def _is_right(model: Model) -> bool:
    try:
        verify(model)
    except ModelError:
        return False
    return True


def _remedy(model: Model) -> str:
    if model.bundled:
        return "install tsplat again"
    if model.source is None:
        return f"no ONNX file is published: export it and place {model.file} in {cache_folder()}"
    return (
        f"`tsplat models fetch {model.name}` gets it, or place {model.file} from {model.source} "
        f"in {cache_folder()}"
    )


def _download(model: Model, target: Path, progress: Callable | None) -> None:
    digest, done = hashlib.sha256(), 0
    with open(target, "wb") as file:
        for chunk, total in _chunks(model):
            file.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            if progress:
                progress(done, total)
    if digest.hexdigest() != model.sha256:
        raise ModelError(
            f"{model.name}: what {model.source} gave has the wrong checksum and was discarded"
        )


def _chunks(model: Model) -> Iterator[tuple[bytes, int | None]]:
    """Pieces of the file and its length; the network's failures are ModelErrors here."""
    assert model.source is not None
    done, cap = 0, model.bytes or MAX_BYTES
    try:
        with urllib.request.urlopen(model.source, timeout=_TIMEOUT_SECONDS) as answer:
            length = answer.headers.get("Content-Length", "")
            total = int(length) if length.isdigit() else model.bytes
            while chunk := answer.read(_CHUNK):
                done += len(chunk)
                if done > cap:
                    raise ModelError(
                        f"{model.name}: {model.source} gave more than the {cap} bytes expected"
                    )
                yield chunk, total
    except (OSError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        raise ModelError(
            f"{model.name}: cannot be fetched from {model.source} ({_reason(error)}); "
            f"place {model.file} in {cache_folder()} by hand"
        ) from error
    if total is not None and done < total:
        raise ModelError(
            f"{model.name}: {model.source} broke off after {done} of {total} bytes; try again"
        )


def _reason(error: BaseException) -> str:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
    return str(getattr(reason, "strerror", None) or reason) or type(error).__name__
