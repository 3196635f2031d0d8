"""Recipes whose codes are points."""
