"""Hostile bytes for everything that reads input: see docs/hostile-input.md."""
