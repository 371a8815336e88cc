"""A network with its front end as an ONNX file."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import torch

from bench.errors import BenchError
from bench.export.agreement import Runner
from bench.export.rewriting import Fourier, Rewriting
from bench.export.waveform_network import Exported, WaveformNetwork, export_parts, traced
from bench.results.load_network import LoadedNetwork

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto
    from torch.onnx import ONNXProgram

INPUT, OUTPUT, FEATURES = "waveform", "probabilities", "features"
"""Names in the graph."""


def require_onnx() -> None:
    """Raises BenchError if what writes and runs ONNX is not installed."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise BenchError(f"{error.name} is not installed: pip install 'bench-audio[export]'") from None


def to_onnx(loaded: LoadedNetwork, *, fourier: Fourier = "faster") -> Exported[ModelProto]:
    """A network with its front end as an ONNX graph, whose outputs are probabilities and features.

    Raises:
        BenchError: If a part cannot be exported, with the part and the reason, or ONNX is not installed.
    """
    require_onnx()

    def make(module: WaveformNetwork, any_length: bool) -> ModelProto:
        return _converted(module, samples=loaded.width, any_length=any_length)

    return export_parts(loaded, make, Rewriting(fourier))


def onnx_bytes(model: ModelProto, metadata: Mapping[str, str]) -> bytes:
    """The file: its one output is the probabilities."""
    import onnx

    final = onnx.ModelProto()
    final.CopyFrom(model)
    del final.graph.output[1:]
    onnx.helper.set_model_props(final, dict(metadata))
    content: bytes = final.SerializeToString()
    return content


def onnx_runner(content: bytes) -> Runner:
    """What onnxruntime makes of a file, on the CPU with the threads of this process."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return lambda waveforms: session.run([OUTPUT], {INPUT: waveforms})[0]


def front_end_nodes(graph: GraphProto) -> set[str]:
    """Names of the nodes that features are computed by."""
    maker = {output: node for node in graph.node for output in node.output}
    names: set[str] = set()
    wanted = [FEATURES]
    while wanted:
        node = maker.get(wanted.pop())
        if node is not None and node.name not in names:
            names.add(node.name)
            wanted += node.input
    return names


def operators(graph: GraphProto, names: Collection[str] | None = None) -> set[str]:
    """Kinds of the nodes of a graph, or of those of these names."""
    return {node.op_type for node in graph.node if names is None or node.name in names}


def _converted(module: WaveformNetwork, *, samples: int, any_length: bool) -> ModelProto:
    from onnxscript.function_libs.torch_lib.ops.core import aten_lstm

    with quiet("torch.onnx"):
        program = torch.onnx.export(
            traced(module, samples=samples, any_length=any_length),
            (),
            dynamo=True,
            verbose=False,
            input_names=[INPUT],
            output_names=[FEATURES] if module.network is None else [OUTPUT, FEATURES],
            custom_translation_table={torch.ops.bench.lstm.default: aten_lstm},
        )
    return cast("ONNXProgram", program).model_proto


@contextmanager
def quiet(name: str) -> Iterator[None]:
    """Without what a library says to its developers by the logger of this name: what is wrong is raised."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
