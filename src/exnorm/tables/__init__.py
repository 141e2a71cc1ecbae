"""Mapping tables: the functions that write them, their checks, a site's changes to them, and their pages."""
