"""Pixels in and out of files and pipes; the only importer of ``av``."""
