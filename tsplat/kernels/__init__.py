"""What runs on the device; the only importer of Taichi."""

import os

# Before any module here imports Taichi, which greets on stdout, where pictures may go.
os.environ.setdefault("ENABLE_TAICHI_HEADER_PRINT", "0")
