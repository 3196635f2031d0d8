"""A model's encoder and decoder as ONNX, each checked against torch on pictures before it is kept."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lunette.errors import LunetteError
from lunette.models import LatentModel

TOLERANCE = 1e-5
BATCHES = (1, 2, 7)  # the sizes that are checked, each with pictures of its own
PICTURES = sum(BATCHES)
Tensors = tuple[Tensor, ...]


class Network(nn.Module):
    """The encoder or the decoder of `model`: tensors → tensors, with their names."""

    def __init__(
        self,
        name: str,
        model: LatentModel,
        inputs: Sequence[str],
        outputs: Sequence[str],
        compute: Callable[[Tensors], Tensors],
    ) -> None:
        super().__init__()
        self.name, self.inputs, self.outputs, self.compute = name, inputs, outputs, compute
        self.model = model  # so that its weights are found

    def forward(self, given: Tensors) -> Tensors:
        """Return the outputs in their order."""
        return self.compute(given)


@dataclass(frozen=True)
class Exported:
    """The bytes of an ONNX file, and by how much its results differ at most from torch's."""

    name: str
    data: bytes
    difference: float


def check_extra() -> None:
    """Raise LunetteError where a package that writes or runs ONNX is missing."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise LunetteError(f'writing ONNX needs the package {error.name}: pip install "lunette[export]"') from None


def check_model(model: LatentModel) -> None:
    """Raise LunetteError for a model that ONNX has no operators for."""
    if why := model.why_no_onnx:
        raise LunetteError(
            f"this model cannot be written as ONNX: {why}; lunette export RUN -o FILE.zip packs the run as it is"
        )


def rung_names(rungs: int) -> list[str]:
    """Return what the codes are called: code, or code_0 (the top one), code_1 … of a model of several rungs."""
    return ["code"] if rungs == 1 else [f"code_{rung}" for rung in range(rungs)]


@torch.no_grad()
def networks(model: LatentModel, x: Tensor, y: Tensor | None, about: Mapping[str, str]) -> Iterator[Exported]:
    """Yield the encoder and the decoder of a model on the CPU as ONNX, with `about` as their metadata.

    The encoder takes `pictures` (N, C, H, W), float32 in [0, 1], to posterior means (N, D), a `code` a rung; the
    decoder takes those to mean `pictures`. A model that is told labels takes `label` (N,), int64, too. Both are
    compared with torch on the pictures x (10, C, H, W) with labels y. Raises LunetteError where a model cannot be
    written, and where a number differs by more than 1e-5 (of the largest code, where that is above 1).
    """
    check_model(model)
    told = () if y is None else (y,)
    codes = model.encode(x, y)
    names, label = rung_names(len(codes)), ["label"] * len(told)

    def encode(given: Tensors) -> Tensors:
        return model.encode(*given)

    def decode(given: Tensors) -> Tensors:
        return (model.decode(given[: len(names)], *given[len(names) :]).mean,)

    encoder = Network("encoder", model, ["pictures", *label], names, encode)
    decoder = Network("decoder", model, [*names, *label], ["pictures"], decode)
    for network, given in ((encoder, (x, *told)), (decoder, (*codes, *told))):
        # Any exporter, optimiser or runtime may meet what it does not know, and each has errors of its own.
        try:
            data = to_onnx(network.eval(), given, about)
            difference = largest_difference(data, network, given)
        except Exception as error:
            reason = str(error.__cause__ or error).split("\n")[0]
            raise LunetteError(f"the {network.name} of this model cannot be written as ONNX: {reason}") from error
        if not difference <= TOLERANCE:
            raise LunetteError(
                f"the {network.name} gives other numbers as ONNX than in torch: they differ by {difference:.1e}, and "
                f"at most {TOLERANCE} is taken for rounding, so nothing was written"
            )
        yield Exported(f"{network.name}.onnx", data, difference)


def to_onnx(network: Network, given: Tensors, about: Mapping[str, str]) -> bytes:
    """Return a network as the bytes of an ONNX file, whose batch may have any size."""
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass
    from torch.fx.experimental.proxy_tensor import make_fx

    # Of a batch of 1 it would become a constant, as would the strides of a part of another tensor.
    example = tuple(each[:2].contiguous() for each in given)
    graph: nn.Module = network
    if network.model.moves_codes and network.name == "encoder":  # torch.export cannot trace a slope
        graph = make_fx(network, tracing_mode="symbolic", _allow_non_fake_inputs=True)(example)
    with quiet():
        program = torch.onnx.export(
            graph,
            (example,),
            dynamo=True,
            dynamic_shapes=(tuple({0: torch.export.Dim.DYNAMIC} for _ in example),),
            input_names=network.inputs,
            output_names=network.outputs,
            custom_translation_table={torch.ops.aten.atanh.default: atanh},
            verbose=False,
        )
    assert program is not None
    ClearMetadataAndDocStringPass()(program.model)  # it holds the lines of code, and where they lie on this machine
    program.model.metadata_props.update(about)
    return program.model_proto.SerializeToString()


def atanh(x: Any) -> Any:
    """Return ½ log((1 + x) / (1 − x)): onnxruntime has no artanh of float64."""
    from onnxscript import opset18

    op: Any = opset18
    half, one = (op.CastLike(op.Constant(value_float=value), x) for value in (0.5, 1.0))
    return op.Mul(half, op.Log(op.Div(op.Add(one, x), op.Sub(one, x))))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the exporter from telling of its steps, and of packages that it does not need."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def largest_difference(data: bytes, network: Network, given: Tensors) -> float:
    """Return by how much onnxruntime's outputs differ from torch's, relative to the largest where that is above 1."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    start, found = 0, []
    for size in BATCHES:
        part = tuple(each[start : start + size].contiguous() for each in given)
        feed = {name: each.numpy() for name, each in zip(network.inputs, part, strict=True)}
        for got, wanted in zip(session.run(network.outputs, feed), network(part), strict=True):
            found.append(difference(got, wanted.numpy()))
        start += size
    return float(np.max(found))  # not a number, where one of them is none


def difference(got: NDArray[Any], wanted: NDArray[Any]) -> float:
    """Return max |got − wanted| / max(1, max |wanted|); infinite where the shapes differ."""
    if got.shape != wanted.shape:
        return float("inf")
    return float(np.abs(got - wanted).max() / max(1.0, np.abs(wanted).max()))
