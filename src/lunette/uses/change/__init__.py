"""Verbs that change pictures."""
