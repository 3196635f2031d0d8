"""The page and the pictures that a run gets."""
