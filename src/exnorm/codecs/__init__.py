"""The built-in formats, one module each; ``keys`` and ``tokens`` are shared by several of them."""
