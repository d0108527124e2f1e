"""Benchmarks and the clip that they run on by default; nothing else imports this package."""
