"""What verbs return: results that are shown in a terminal, a notebook, a page or a file."""
