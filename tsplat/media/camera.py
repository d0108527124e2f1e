"""Cameras, through the capture device that FFmpeg's libraries have on each system."""

from __future__ import annotations

import sys
from pathlib import Path

import av
import av.error
from av.container import InputContainer

from tsplat.errors import MediaError

PREFIX = "camera:"
_DEVICES = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}


def is_camera(path: str | Path) -> bool:
    return str(path).startswith(PREFIX)


def open_camera(path: str | Path) -> InputContainer:
    """Open ``camera:NUMBER`` or ``camera:DEVICE``.

    Raises
    ------
    MediaError
        There is no such camera, or no way to reach one on this system.
    """
    wanted = str(path).removeprefix(PREFIX) or "0"
    kind = _DEVICES.get(sys.platform)
    if kind is None:
        raise MediaError(f"{path}: cameras are not supported on {sys.platform}")
    try:
        # AVFoundation opens no camera unless it is told a rate that the camera has.
        options = {"framerate": "30"} if kind == "avfoundation" else {}
        return av.open(_named(kind, wanted), "r", format=kind, options=options)
    except (av.error.FFmpegError, ValueError, IndexError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise MediaError(f"{path}: no camera can be opened there ({reason})") from error


def _named(kind: str, wanted: str) -> str:
    """What the capture device calls a camera.

    >>> _named("v4l2", "1"), _named("v4l2", "/dev/video7"), _named("dshow", "Webcam")
    ('/dev/video1', '/dev/video7', 'video=Webcam')
    """
    if kind == "v4l2":
        return f"/dev/video{wanted}" if wanted.isdigit() else wanted
    if kind == "dshow":
        if wanted.isdigit():
            from av.device import enumerate_input_devices

            cameras = [d for d in enumerate_input_devices(kind) if "video" in d.media_types]
            wanted = cameras[int(wanted)].name
        return f"video={wanted}"
    return wanted
