"""Mapping tables: the words they are written in, their checks, a site's changes to them, and their pages."""
