"""Bounds on log p(x), and what they are worth."""
