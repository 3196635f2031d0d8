"""Recipes whose codes are discrete."""
