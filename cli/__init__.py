"""The ``tsplat`` command: one file a subcommand, no codec logic."""
