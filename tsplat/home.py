"""The user's home and cache folders, and what to do where the system knows of none.

The user of a container often has no ``HOME`` and no name, and a sealed one has no folder for
temporary files. Libraries that ask for them give up, Taichi already when it is imported. After
this module is, there is an answer: one where nothing can be kept, which those who write there are
told as by any other such folder.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import platformdirs

_NOWHERE = "/nonexistent"

if os.name == "posix" and not os.path.isabs(os.environ.get("HOME", "")):
    os.environ.pop("HOME", None)
    _home = os.path.expanduser("~")
    os.environ["HOME"] = _home if os.path.isabs(_home) else _NOWHERE

try:
    tempfile.gettempdir()
except FileNotFoundError:
    # What is no folder has nothing in it, whoever asks.
    tempfile.tempdir = os.devnull


def cache_folder(name: str) -> Path:
    """A folder in the user's cache folder, which need not be there."""
    return Path(platformdirs.user_cache_dir("tsplat")) / name
