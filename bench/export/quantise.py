"""An ONNX network whose convolutions and matrix products are of 8-bit integers; its front end keeps its precision."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.export.onnx_file import INPUT, front_end_nodes, operators, quiet

if TYPE_CHECKING:
    from onnx import ModelProto

QUANTISED = ("Conv", "MatMul", "Gemm")
"""Operators whose inputs are quantised to the range that calibration clips show. An LSTM, which onnxruntime has no such
operator for, gets weights of 8 bits, and finds the range of its inputs as it runs."""


def to_int8(model: ModelProto, calibration: Iterator[NDArray[np.float32]]) -> ModelProto:
    """Quantises the network behind the features.

    Args:
        model: The network, with the features among its outputs.
        calibration: Batches of waveforms, float32 [B, samples], that show the ranges of the network's inputs.
    """
    import onnx
    from onnxruntime import quantization

    front_end = front_end_nodes(model.graph)

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, Any] | None:
            batch = next(calibration, None)
            return None if batch is None else {INPUT: batch}

    with tempfile.TemporaryDirectory() as folder, quiet("root"):
        path = Path(folder) / "network.onnx"
        quantization.quantize_static(
            model,
            path,
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTISED),
            per_channel=True,
            # Two products of 8 by 8 bits overflow 16 bits on processors without VNNI: weights get 7.
            reduce_range=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            nodes_to_exclude=sorted(front_end),
        )
        if "LSTM" in operators(model.graph):
            lstm = Path(folder) / "lstm.onnx"
            quantization.quantize_dynamic(path, lstm, op_types_to_quantize=["LSTM"])
            path = lstm
        return onnx.load(path)
