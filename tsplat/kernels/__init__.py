"""What runs on the device; the only importer of Taichi."""

import os

# Before any module here imports Taichi: it greets on stdout, where pictures may go, asks a server
# whether there is a newer one, and gives up where it finds no home folder.
os.environ.setdefault("ENABLE_TAICHI_HEADER_PRINT", "0")
os.environ.setdefault("TI_SKIP_VERSION_CHECK", "ON")
if os.name == "posix" and "HOME" not in os.environ:
    _home = os.path.expanduser("~")
    os.environ["HOME"] = _home if os.path.isabs(_home) else "/nonexistent"
