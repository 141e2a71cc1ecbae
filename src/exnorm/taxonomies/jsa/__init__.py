"""JSA and QRadar: the vocabulary in ``fields``, one module for each table."""
