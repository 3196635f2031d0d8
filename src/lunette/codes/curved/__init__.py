"""Codes on a sphere, and in a hyperbolic ball."""
