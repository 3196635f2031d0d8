"""Codes that move by Hamiltonian dynamics, and the geometry that they move in."""
