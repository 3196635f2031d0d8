"""The pictures of the README: a VAE, a latent plane and a mender, trained on MNIST.

LUNETTE_DATA=… python examples/tour.py
"""

from __future__ import annotations

import lunette
from gallery import PICTURES, keep, trained


def main() -> None:
    vae = trained("vae", epochs=30)
    keep(lunette.sample(vae, 64), "samples.png")
    keep(lunette.reconstruct(vae, n=32), "reconstructions.png")
    keep(lunette.interpolate(vae, ["label:7", "label:2", "label:0"], steps=8), "walk.png")
    print(f"  test loss {vae.metrics()[-1]['loss']:.2f} nats an image")
    plane = trained("conv_vae", epochs=10, network="conv:16/2,32/2:64")  # a third of the default, for a quick tour
    keep(lunette.manifold(plane), "manifold.png")
    print(f"  picture: {lunette.latents(plane).save(PICTURES / 'latents.png')}")
    print(f"  test row of conv_vae: {plane.metrics()[-1]}")
    keep(lunette.reconstruct(trained("denoising", epochs=3), n=24), "denoising.png")
    for recipe in ("autoencoder", "stacked", "sparse", "gaussian_vae", "beta_vae"):
        run = trained(recipe, epochs=3)
        keep(lunette.reconstruct(run, n=8), f"{recipe.replace('_', '-')}.png")
        print(f"  {recipe}, 3 epochs: {run.metrics()[-1]}")


if __name__ == "__main__":
    main()
