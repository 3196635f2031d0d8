"""What one does with models: a file a verb. Pictures come back as objects; only `save` writes them."""
