"""The engine: a table, a log's columns and a format as one plan, and two ways to run it."""
