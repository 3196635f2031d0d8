"""The verb that finds strange pictures."""
