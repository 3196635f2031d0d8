"""Leaks across pictures and against the order of an autoregressive part are found, and nothing else is."""

import pytest
import torch
from torch import nn

from lunette.codes import NormalHead, StandardNormal
from lunette.errors import LunetteError
from lunette.likelihoods import BernoulliHead, OptimalNormalHead
from lunette.measures.likelihood.leaks import check_leaks
from lunette.models import Autoencoder, Conditional
from lunette.recipes import RECIPES, build

SHAPE = (1, 4, 4)
SMALL = {"latent": 3, "network": "mlp:8"}
QUANTISED = {"latent": 3, "positions": 4, "entries": 5, "network": "residual:4/2"}


class Mixing(nn.Module):
    """Adds a little of the mean over pictures to each."""

    def forward(self, z):
        return z + 0.01 * z.mean(-2, keepdim=True)


def model_of(*decoder, head=BernoulliHead):
    torch.manual_seed(0)
    encoder = Conditional(nn.Sequential(nn.Flatten(-3), nn.Linear(16, 6)), NormalHead(3))
    return Autoencoder(encoder, Conditional(nn.Sequential(*decoder), head(SHAPE)), StandardNormal(3))


class Statistics(nn.BatchNorm1d):
    """Batch statistics over all draws of all pictures."""

    def forward(self, z):
        return super().forward(z.flatten(0, -2)).view_as(z)


def pictures(n=6):
    return torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_no_recipe_leaks(name):
    torch.manual_seed(0)
    given = QUANTISED if "vq" in name else SMALL | ({"positions": 4} if name == "gumbel_vae" else {})
    given |= {"network": "conv:4/2"} if name == "conv_vae" else {"rungs": 1} if name == "ladder" else {}
    given |= {"network": "mlp:8,8"} if name == "stacked" else {}
    model = build(name, SHAPE, given, labels=10).model.eval()
    check_leaks(model, pictures(), torch.arange(6) if model.labels else None)


def test_statistics_of_a_batch_are_found_in_training_mode_alone():
    model = model_of(nn.Linear(3, 8), Statistics(8), nn.ReLU(), nn.Linear(8, 16)).eval()
    check_leaks(model, pictures())
    model.decoder.network[1].train()
    with pytest.raises(LunetteError, match=r"leaks across pictures: its mean of p\(x \| z\) of a picture depends"):
        check_leaks(model, pictures())


def test_a_network_that_mixes_pictures_is_found_in_decoder_and_encoder():
    with pytest.raises(LunetteError, match=r"its mean of p\(x \| z\)"):
        check_leaks(model_of(Mixing(), nn.Linear(3, 16)).eval(), pictures())
    model = model_of(nn.Linear(3, 16)).eval()
    model.encoder.network.append(Mixing())
    with pytest.raises(LunetteError, match="its code of a picture"):
        check_leaks(model, pictures())


def test_a_spread_of_the_batch_is_found():
    model = model_of(nn.Linear(3, 16), head=OptimalNormalHead)
    with pytest.raises(LunetteError, match=r"its log p\(x \| z\) of a picture .* training mode that it is in"):
        check_leaks(model, pictures())
    check_leaks(model.eval(), pictures())


@pytest.mark.parametrize("shift", [0, 1, 3])
def test_a_broken_mask_of_a_sequence_is_found(shift, monkeypatch):
    model = build("vq_vae", SHAPE, QUANTISED).model.eval()

    def mask(size, device=None):  # sees `shift` elements more than it should; the last ones of all have none beyond
        return torch.full((size, size), -torch.inf, device=device).triu(1 + shift)

    monkeypatch.setattr(nn.Transformer, "generate_square_subsequent_mask", staticmethod(mask))
    monkeypatch.setattr(nn.TransformerEncoder, "forward", without_hint(nn.TransformerEncoder.forward))
    if shift == 0:
        check_leaks(model, pictures())
        return
    with pytest.raises(LunetteError, match="autoregressive prior over indices of this model leaks against its order"):
        check_leaks(model, pictures())


def without_hint(forward):
    """A transformer that is told "causal" may leave the mask unread."""
    return lambda self, x, mask, is_causal: forward(self, x, mask)  # noqa: ARG005


@pytest.mark.parametrize(("given", "what"), [({"posterior": "iaf:2"}, "posterior"), ({"prior": "flow:2"}, "prior")])
def test_a_broken_mask_of_a_flow_is_found(given, what):
    model = build("vae", SHAPE, SMALL | given).model.eval()
    check_leaks(model, pictures())
    for module in model.modules():
        if hasattr(module, "mask"):
            module.mask.fill_(1)
    with pytest.raises(LunetteError, match=f"autoregressive {what} of this model leaks against its order"):
        check_leaks(model, pictures())
