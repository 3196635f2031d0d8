"""Discriminators of codes, which learn to tell what the model is then to make alike."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from lunette.models import LatentModel, Trace
from lunette.networks import mlp
from lunette.objectives.objective import without_unit
from lunette.objectives.players import Adversary

WIDTHS = (256, 256, 256)


class Critic(Adversary):
    """A player that gives each input one logit: abstract in `logit` and in what it tells apart."""

    def logit(self, inputs: Tensor) -> Tensor:
        """Inputs with any batch shape (…) → (…)."""
        raise NotImplementedError

    def told_apart(self, one: Tensor, other: Tensor) -> Tensor:
        """Return the cross-entropy of telling `one` (logit > 0) from `other`, each half of it, in nats, a scalar."""
        return (softplus(-self.logit(one)).mean() + softplus(self.logit(other)).mean()) / 2


class CodeCritic(Critic):
    """A network that gives a code (…, D) one logit: abstract in what it tells apart."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.network = mlp(latent, WIDTHS, 1)

    def logit(self, inputs: Tensor) -> Tensor:
        """(…, D) → (…)."""
        return self.network(inputs).squeeze(-1)


class DensityRatioTotalCorrelation(CodeCritic):
    """The total correlation of q(z), in nats, (N,), as log d / (1 − d) of a critic d of codes.

    It learns to tell codes from codes whose dimensions come from different pictures each.
    Source: Kim & Mnih, "Disentangling by Factorising", ICML 2018.
    """

    def forward(self, model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG002
        """Return the logit that codes are not shuffled, the mean over K draws."""
        (latent,) = trace.latents
        return self.logit(latent.z).mean(0)

    def learn(self, model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG002
        """Return the cross-entropy of telling codes from shuffled ones."""
        z = trace.latents[0].z.detach().flatten(0, 1)
        order = torch.rand(z.shape, device=z.device).argsort(0)
        return self.told_apart(z, z.gather(0, order))


class CodeAdversary(CodeCritic):
    """−log d(z), (N,), in nats: what it costs that a critic d can tell codes from draws of the prior.

    Source: Makhzani et al., "Adversarial Autoencoders", 2015, arXiv:1511.05644.
    """

    def forward(self, model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG002
        """Return the mean over K draws."""
        (latent,) = trace.latents
        return softplus(-self.logit(latent.z)).mean(0)

    def learn(self, model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG002
        """Return the cross-entropy of telling draws of the prior from codes."""
        z = trace.latents[0].z.detach().flatten(0, 1)
        return self.told_apart(trace.latents[0].prior.sample(torch.Size((len(z),))), z)


class PictureCritic(Critic):
    """−log d(μ), (N,), in nats: what it costs the decoder that a critic d can tell what it draws from pictures.

    It judges reconstructions and pictures drawn from the prior; the encoder learns nothing from it. The distance of
    its features is `FeatureDistance`. Source: Larsen et al., "Autoencoding beyond pixels using a learned similarity
    metric", ICML 2016.
    """

    def __init__(self, body: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.body = body  # pictures (…, C, H, W) → features (…, F)
        self.head = head  # (…, F) → (…, 1)

    def logit(self, inputs: Tensor) -> Tensor:
        """(…, C, H, W) → (…)."""
        return self.head(self.body(inputs)).squeeze(-1)

    def drawn(self, model: LatentModel, trace: Trace) -> Tensor:
        """Return the pictures drawn from each code and from as many draws of the prior, (2, N, C, H, W)."""
        z = trace.latents[0].z[0].detach()
        assert model.prior is not None
        draws = model.prior().sample(torch.Size((len(z),)))
        return model.decode((torch.stack([z, draws]),)).mean

    def forward(self, model: LatentModel, trace: Trace) -> Tensor:
        """Return the mean over both kinds of drawn pictures."""
        return softplus(-self.logit(self.drawn(model, trace))).mean(0)

    def learn(self, model: LatentModel, trace: Trace) -> Tensor:
        """Return the cross-entropy of telling pictures from drawn ones."""
        with torch.no_grad():
            drawn = self.drawn(model, trace)
        return self.told_apart(trace.x, drawn)


@without_unit
class FeatureDistance:
    """½ ‖f(x) − f(μ)‖², (N,): the squared distance of a critic's features of a picture and its reconstruction.

    It is −log N(f(x); f(μ), I) without its constant; no likelihood of pixels. Source: Larsen et al., ICML 2016.
    """

    def __init__(self, critic: PictureCritic) -> None:
        self.critic = critic

    def __call__(self, model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG002
        """Return the mean over K draws."""
        features = self.critic.body(trace.x)
        return (self.critic.body(trace.px.mean) - features).square().sum(-1).mean(0) / 2
