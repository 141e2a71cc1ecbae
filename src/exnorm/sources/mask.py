"""The mask that replaces a secret, in every log."""

MASK = "*****"
"""As Exchange itself masks what it does not want in its logs."""
