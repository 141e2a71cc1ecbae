"""The vocabularies of the two products, and the tables to them from each source."""
