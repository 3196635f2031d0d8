"""What all heads for codes share."""

from __future__ import annotations

from lunette.heads import Head, positive


class CodeHead(Head):
    """Features (…, F) → a distribution of codes with event (D); `latent` is D."""

    def __init__(self, latent: int, features: int) -> None:
        super().__init__()
        positive("latent", latent)
        self.latent = latent
        self.features = features
