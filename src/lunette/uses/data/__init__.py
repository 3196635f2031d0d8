"""Verbs of pictures alone."""
