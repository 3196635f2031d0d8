"""Codes of categories, and of entries of codebooks."""
