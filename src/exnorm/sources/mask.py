"""What stands in the place of a secret, in every log."""

MASK = "*****"
"""As Exchange itself masks what it does not want in its logs."""
