"""ArcSight: the vocabulary in ``fields``, one module for each table."""
