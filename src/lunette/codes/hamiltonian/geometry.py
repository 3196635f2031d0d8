"""A Riemannian geometry of codes, made of centroids, and draws from its volume."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lunette.codes.hamiltonian.leapfrog import Flat, leapfrog
from lunette.codes.head import wide

MOVES, LEAPS = 100, 10  # of the chain that draws a code


class Curved:
    """G⁻¹(z) = Σ_i L_i L_iᵀ exp(−‖z − c_i‖² / T²) + λ I, of M centroids c (M, D) and factors L (M, D, D).

    `reach` is T and `floor` is λ. It is computed in float64: it spans orders of magnitude, and a sum
    of bfloat16 products need not be positive definite.

    Source: Chadebec, Mantoux, Allassonnière, "Geometry-Aware Hamiltonian Variational Auto-Encoder", 2020.
    """

    iterations = 3

    def __init__(self, centroids: Tensor, factors: Tensor, reach: float, floor: float) -> None:
        self.centroids, factors = wide(centroids), wide(factors)
        self.products = (factors @ factors.mT).flatten(1)
        self.reach = reach
        self.floor = floor

    def inverse(self, z: Tensor) -> Tensor:
        """Return G⁻¹ at codes z (…, D), (…, D, D)."""
        D = z.shape[-1]
        floor = self.floor * torch.eye(D, dtype=self.products.dtype, device=z.device)
        return (self._near(z) @ self.products).unflatten(-1, (D, D)) + floor

    def _near(self, z: Tensor) -> Tensor:
        """Return exp(−‖z − c_i‖² / T²), (…, M)."""
        z, c = wide(z), self.centroids
        far = z.square().sum(-1, keepdim=True) - 2 * z @ c.T + c.square().sum(-1)
        return (-far / self.reach**2).exp()

    def log_volume(self, z: Tensor) -> Tensor:
        """Return log √det G⁻¹ at codes z (…, D), (…)."""
        return self._log_volume(torch.linalg.cholesky(self.inverse(z))).to(z.dtype)

    def momentum(self, z: Tensor, noise: Tensor) -> Tensor:
        """Return ρ ~ N(0, G(z)), (…, D), of standard normal `noise`."""
        root = torch.linalg.cholesky(self.inverse(z))
        solved = torch.linalg.solve_triangular(root.mT, wide(noise).unsqueeze(-1), upper=True)
        return solved.squeeze(-1).to(z.dtype)

    def kinetic(self, z: Tensor, momentum: Tensor) -> Tensor:
        """Return ½ ρᵀG⁻¹(z)ρ + ½ log det G(z), (…)."""
        root = torch.linalg.cholesky(self.inverse(z))
        turned = (root.mT @ wide(momentum).unsqueeze(-1)).squeeze(-1)
        return (turned.square().sum(-1) / 2 - self._log_volume(root)).to(z.dtype)

    def velocity(self, z: Tensor, momentum: Tensor) -> Tensor:
        """Return G⁻¹(z)ρ, (…, D)."""
        return (self.inverse(z) @ wide(momentum).unsqueeze(-1)).squeeze(-1).to(z.dtype)

    def turn(self, z: Tensor) -> Callable[[Tensor], Tensor]:
        """Return ρ ↦ ∇_z of the kinetic energy, −1/T² Σ_i (z − c_i) ⟨ρρᵀ − G, L_i L_iᵀ⟩ exp(−‖z − c_i‖²/T²)."""
        near, mass = self._near(z), self.inverse(z).inverse()

        def turn(momentum: Tensor) -> Tensor:
            ρ = wide(momentum).unsqueeze(-1)
            pulls = near * ((ρ @ ρ.mT - mass).flatten(-2) @ self.products.T)
            moved = pulls.sum(-1, keepdim=True) * wide(z) - pulls @ self.centroids
            return (-moved / self.reach**2).to(z.dtype)

        return turn

    def draw(self, n: int) -> Tensor:
        """Return n codes (n, D) of the density ∝ √det G⁻¹ within the box that reaches T around the centroids.

        Without bounds the density has no integral, because of λ. Each code is where Hamiltonian Monte Carlo with
        unit mass comes from a centroid: `MOVES` trajectories of `LEAPS` steps, each one taken with probability
        min(1, exp(H − H′)).

        Source: Chadebec et al., "Data Augmentation in High Dimensional Low Sample Size Setting Using a
        Geometry-Based Variational Autoencoder", TPAMI 2022.
        """
        c, T, flat = self.centroids, self.reach, Flat()
        low, high = c.amin(0) - T, c.amax(0) + T
        step = 0.2 * T / c.shape[1] ** 0.5  # a lone centroid's bump exp(−½ D ‖z − c‖² / T²) is T/√D wide
        z = c[torch.randint(len(c), (n,), device=c.device)]
        rest = torch.zeros_like(z)
        for _ in range(MOVES):
            ρ = torch.randn_like(z)
            # A momentum of 0 leaves of the kinetic energy the potential −log √det G⁻¹.
            end, last = leapfrog(lambda z: self.turn(z)(rest), flat, z, ρ, step, torch.ones(LEAPS))
            fall = self.log_volume(end) - flat.kinetic(end, last) - self.log_volume(z) + flat.kinetic(z, ρ)
            inside = ((low < end) & (end < high)).all(-1)
            z = torch.where((inside & (torch.rand_like(fall).log() < fall)).unsqueeze(-1), end, z)
        return z

    @staticmethod
    def _log_volume(root: Tensor) -> Tensor:
        return root.diagonal(dim1=-2, dim2=-1).log().sum(-1)
