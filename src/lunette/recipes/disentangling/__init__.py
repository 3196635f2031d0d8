"""Recipes that weigh parts of the rate, so that each dimension holds one thing."""
