"""The built-in formats, one module each; ``keys`` and ``tokens`` are what several of them share."""
