"""The variational autoencoder, and those that differ from it in the parts that they are made of."""

from __future__ import annotations

from lunette.images import Shape
from lunette.objectives import distortion
from lunette.recipes.registry import Recipe, recipe, variant
from lunette.recipes.shared import Variational


@recipe
def vae(shape: Shape, parts: Variational = Variational()) -> Recipe:
    """Variational autoencoder: codes that can be drawn from a known prior (Kingma & Welling, ICLR 2014)."""
    return parts.recipe(shape, {distortion: 1.0, parts.rate: parts.rate_weight})


# A row each: the name, the parts that are others by default, and what `lunette recipes` says of it.
variant(
    vae,
    "conv_vae",
    Variational(latent=2, network="conv:32,64/2,64,64:32", beta=0.392),
    """Convolutional VAE whose codes are points of a plane (Kingma & Welling, ICLR 2014).

    A loss that adds 5e-4 · rate to the mean cross-entropy of 28×28 pixels is β = 5e-4 · 784 = 0.392 in nats
    an image.
    """,
)
variant(
    vae,
    "gaussian_vae",
    Variational(likelihood="squared-error:0.35355339"),
    """VAE with normal pixels: squared error in place of cross-entropy (Kingma & Welling, ICLR 2014).

    The default's σ = 1 / √8 on pixels in [0, 1] makes 4 Σ (x − μ)², which is the squared error of pixels in
    [−1, 1]. `normal` is the likelihood proper, and learns its σ.
    """,
)
variant(
    vae,
    "sigma_vae",
    Variational(likelihood="optimal-normal"),
    """VAE with normal pixels of the batch's best σ, which balances rate and distortion (Rybkin et al., ICML 2021).

    It stands where a β-VAE with squared error needs its β tuned. `normal` learns σ by gradient instead.
    """,
)
variant(
    vae,
    "full_covariance_vae",
    Variational(posterior="full"),
    """VAE whose posterior is a normal with all covariances (Kingma & Welling, FnT Machine Learning 2019).""",
)
variant(
    vae,
    "planar_vae",
    Variational(posterior="planar:8"),
    """VAE whose posterior is bent by planar maps (Rezende & Mohamed, ICML 2015).""",
)
variant(
    vae,
    "iaf_vae",
    Variational(posterior="iaf:2"),
    """VAE whose posterior is an inverse autoregressive flow (Kingma et al., NeurIPS 2016).""",
)
variant(
    vae,
    "mixture_vae",
    Variational(prior="mixture:10"),
    """VAE whose prior is a learned mixture of normals, one a cluster of codes (Jiang et al., IJCAI 2017).""",
)
variant(
    vae,
    "vamp",
    Variational(prior="vamp:100"),
    """VAE whose prior is the mean of the posteriors of learned pictures (Tomczak & Welling, AISTATS 2018).""",
)
variant(
    vae,
    "flow_prior_vae",
    Variational(prior="flow:3"),
    """VAE whose prior is a learned autoregressive flow (Chen et al., ICLR 2017).""",
)
variant(
    vae,
    "svae",
    Variational(latent=10, posterior="sphere", prior="sphere"),
    """Hyperspherical VAE: codes are directions, with the uniform prior on the sphere (Davidson et al., UAI 2018).""",
)
variant(
    vae,
    "poincare_vae",
    Variational(latent=10, posterior="ball:1", prior="ball:1"),
    """Poincaré VAE: codes lie in a hyperbolic ball, where trees have room (Mathieu et al., NeurIPS 2019).

    `ball:C` has the curvature −C, and the decoder reads the logarithmic map at its centre.
    """,
)
