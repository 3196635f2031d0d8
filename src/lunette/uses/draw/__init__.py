"""Verbs that draw pictures."""
