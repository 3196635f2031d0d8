"""Recipes that minimise bounds of several draws."""
