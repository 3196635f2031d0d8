"""Which products a machine has, and that asking for others is refused."""

import pytest
import torch

from lunette.errors import LunetteError
from lunette.training import EMULATE, Precision, pick_precision
from lunette.training import precision as rooms

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _not_emulated(monkeypatch):
    monkeypatch.delenv(EMULATE, raising=False)


def test_auto_takes_what_the_processor_has(monkeypatch):
    for able, name in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: {"avx512_bf16": able, "amx_bf16": False})
        assert pick_precision("auto", CPU).name == name
        assert pick_precision("fp32", CPU).name == "fp32"
    with pytest.raises(LunetteError, match="cannot use --precision bf16: this processor has no bfloat16 products"):
        pick_precision("bf16", CPU)
    with pytest.raises(LunetteError, match="never tried on mps"):
        pick_precision("bf16", torch.device("mps"))


def test_the_switch_of_the_processors_products_holds_within_a_step_only():
    switches = torch.backends.mkldnn.matmul, torch.backends.mkldnn.conv
    before = [switch.fp32_precision for switch in switches]
    with Precision("bf16", CPU, "").step():
        assert [switch.fp32_precision for switch in switches] == ["bf16", "bf16"]
    assert [switch.fp32_precision for switch in switches] == before
    with Precision("fp32", CPU, "").step():
        assert [switch.fp32_precision for switch in switches] == before


def test_a_gpus_products_are_autocast(monkeypatch):
    asked = []
    monkeypatch.setattr(rooms.torch, "autocast", lambda *args: asked.append(args))
    Precision("bf16", torch.device("cuda"), "").forward()
    assert asked == [("cuda", torch.bfloat16)]
