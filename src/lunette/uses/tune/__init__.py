"""The verb that searches for good settings."""
