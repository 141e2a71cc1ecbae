"""The built-in log types, one module each; ``columnar`` is shared by those with columns."""
