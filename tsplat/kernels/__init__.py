"""What runs on the device; the only importer of Taichi."""

import os

# Before any module here imports Taichi: it gives up where it finds no home or temporary folder,
# greets on stdout, where pictures may go, and asks a server whether there is a newer one.
import tsplat.home  # noqa: F401

os.environ.setdefault("ENABLE_TAICHI_HEADER_PRINT", "0")
os.environ.setdefault("TI_SKIP_VERSION_CHECK", "ON")
