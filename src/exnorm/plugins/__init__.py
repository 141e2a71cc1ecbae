"""Plugins: the hooks, the manager that calls them, and the built-in sources, tables and formats."""
