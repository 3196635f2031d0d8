"""Networks: sizes, exactly, for every number of pixels."""

import pytest
import torch

from lunette.errors import LunetteError
from lunette.networks import Conv, Mlp, architecture

SPECS = ["mlp", "mlp:7,5", "conv", "conv:4,6/2,8/3:10", "residual", "residual:4/2,6"]


@pytest.mark.parametrize("side", range(1, 65))
def test_conv_draws_exactly_the_size_that_it_read(side):
    shape = (1, side, 65 - side)
    network = Conv(((2, 2), (3, 1), (4, 2), (5, 3)))
    x = torch.rand(2, *shape)
    features = network.encoder(shape, 6)(x)
    assert features.shape == (2, 6)
    assert network.decoder(6, shape, side * (65 - side))(features).shape == (2, side * (65 - side))


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 9, 14)])
def test_networks_take_any_batch_dimensions(spec, shape):
    torch.manual_seed(0)
    network = architecture(spec)
    encoder, decoder = (
        network.encoder(shape, 6),
        network.decoder(4, shape, 2 * shape[0] * shape[1] * shape[2]),
    )
    x, z = torch.rand(5, *shape), torch.randn(3, 5, 4)
    assert encoder(x).shape == (5, 6)
    drawn = decoder(z)
    assert drawn.shape == (3, 5, 2 * shape[0] * shape[1] * shape[2])
    torch.testing.assert_close(drawn[1, 2], decoder(z[1, 2][None])[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(encoder(x[:2]), encoder(x)[:2], rtol=1e-4, atol=1e-5)


def test_the_fourth_tutorials_network_has_its_layers():
    network = architecture("conv:32,64/2,64,64:32")
    encoder, decoder = network.encoder((1, 28, 28), 4), network.decoder(2, (1, 28, 28), 784)
    # 3·3·in·out + out for each convolution; in·out + out for each dense layer.
    convolutions = [(1, 32), (32, 64), (64, 64), (64, 64)]
    dense = [(14 * 14 * 64, 32), (32, 4)]
    assert count(encoder) == sum(9 * a * b + b for a, b in convolutions) + sum(a * b + b for a, b in dense)
    bottom = 14 * 14 * 64
    assert count(decoder) == 3 * bottom + (9 * 64 * 32 + 32) + (9 * 32 * 1 + 1)


def test_specs_are_read():
    assert architecture("mlp:256,128") == Mlp((256, 128))
    assert architecture("conv:32,64/2:16").layers == ((32, 1), (64, 2))
    assert architecture("conv:32,64/2:16").dense == (16,)


@pytest.mark.parametrize("spec", ["mlp:0", "mlp:3/2", "mlp:3:4", "conv:3/0", "conv:a", "conv:3,", "residual:-1"])
def test_a_wrong_spec_is_refused(spec):
    with pytest.raises(LunetteError, match="cannot read the layers"):
        architecture(spec)


def test_an_unknown_network_is_refused_with_the_nearest():
    with pytest.raises(LunetteError, match="did you mean 'conv'"):
        architecture("cnv:32")


def count(module):
    return sum(p.numel() for p in module.parameters())
