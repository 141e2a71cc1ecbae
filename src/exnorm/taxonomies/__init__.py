"""The vocabularies of the two products and the tables that lead to them from each source."""
