"""Measures of arrays, pictures and codes: pure functions, a file for each family."""
