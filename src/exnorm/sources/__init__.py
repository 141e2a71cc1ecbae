"""The built-in log types, one module each; ``columnar`` is what those with columns share."""
