"""Rebuilds a tested run's network from its specification and stored weights, and computes its outputs for clips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from bench.data.prepared import PreparedData
from bench.errors import BenchError
from bench.plugins.registry import Registry
from bench.reporting.figures import LayerOutput
from bench.results.load_network import load_network
from bench.results.stored_model import stored_model
from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunRecord

MAX_LAYERS = 12
MAX_VALUES = 4_000_000
"""A layer with more values, as of a long clip, is thinned out in time, since no figure can resolve them."""
_MERGED_MODULES = ("batchnorm", "normalization", "instancenorm", "activation", "dropout")
"""Modules of torch.nn whose layers only transform the previous layer's output; they are drawn as one with it."""


class TrainedNetwork:
    """A network in evaluation mode on the CPU, with its front end.

    Args:
        study: Folder that holds the run.
        run: The run.
        data: Data of the run.

    Raises:
        BenchError: The run stored no weights, or they do not fit the network that its plugin builds now.
    """

    def __init__(self, study: StudyFolder, run: RunRecord, data: PreparedData, *, registry: Registry) -> None:
        loaded = load_network(stored_model(study, run, data, registry), registry)
        self._settings = run.spec.training
        self._front_end, self._network, self._input_samples = loaded.front_end, loaded.network, loaded.width
        self.sample_rate = self._front_end.feature.sample_rate
        self.reads_waveforms = len(self._front_end.feature.shape(self._input_samples)) == 1

    def model_input(self, samples: NDArray[np.int16], length: int) -> Tensor:
        """Returns the part of a clip that the network gets at once.

        This is the segment with the most energy for a network on segments, and else the whole clip.

        Args:
            samples: Samples of the clip with padding, int16 [samples].
            length: Number of samples before padding.

        Returns:
            The waveform from -1 to 1, float32 [samples].
        """
        waveform = torch.from_numpy(samples.astype(np.float32) / 32768.0)
        if self._settings.segment_seconds is not None:
            return loudest_segment(waveform[: max(1, length)], self._input_samples)
        return waveform[: max(1, length)] if self._settings.lengths == "own" else waveform

    @torch.no_grad()
    def layers(self, waveform: Tensor) -> list[LayerOutput]:
        """Returns the outputs of the convolutional, pooling, recurrent and linear layers for one waveform.

        Each output includes the normalisation and activation that follow the layer. Of more than MAX_LAYERS layers, those
        at even distances are returned.

        Args:
            waveform: float32 [samples].

        Raises:
            BenchError: The network has no such layer.
        """
        recorder = _Recorder(self._network)
        with recorder:
            self._network(self._front_end(waveform[None]))
        outputs = recorder.outputs
        if len(outputs) > MAX_LAYERS:
            outputs = [outputs[index] for index in np.linspace(0, len(outputs) - 1, MAX_LAYERS).round().astype(int)]
        if not outputs:
            raise BenchError("the network has no convolution, pool, recurrent or linear layer of torch.nn to show")
        return outputs

    @torch.no_grad()
    def pooled(self, waveforms: Sequence[Tensor]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Returns the inputs of the last linear layer and its weights.

        Args:
            waveforms: One waveform per clip, float32 [samples].

        Returns:
            The inputs [clips, units] and the weights [outputs, units].

        Raises:
            BenchError: The network has no linear layer.
        """
        linear_inputs: list[tuple[nn.Linear, Tensor]] = []

        def record_input(layer: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            linear = cast("nn.Linear", layer)
            linear_inputs.append((linear, arguments[0].reshape(-1, linear.in_features)[-1]))

        hooks = [
            layer.register_forward_pre_hook(record_input)
            for layer in self._network.modules()
            if isinstance(layer, nn.Linear)
        ]
        outputs = []
        try:
            for waveform in waveforms:  # They may differ in length, so there is no batch.
                linear_inputs.clear()
                self._network(self._front_end(waveform[None]))
                if not linear_inputs:
                    raise BenchError("the network has no linear layer, so there are no outputs before the last one")
                outputs.append(linear_inputs[-1][1])
        finally:
            for hook in hooks:
                hook.remove()
        return torch.stack(outputs).numpy(), linear_inputs[-1][0].weight.detach().numpy()

    def first_filters(self) -> NDArray[np.float32]:
        """Returns the weights of the first convolution, [filters, inputs, taps] or [filters, inputs, height, width].

        Raises:
            BenchError: The network has no convolution.
        """
        for layer in self._network.modules():
            if isinstance(layer, nn.Conv1d | nn.Conv2d):
                return np.asarray(layer.weight.detach().numpy())
        raise BenchError("the network has no convolution, so it has no filters to show")


def loudest_segment(waveform: Tensor, samples: int) -> Tensor:
    """Returns the segment of `samples` samples with the most energy among segments that overlap by half.

    A shorter waveform is padded with zeros.
    """
    if len(waveform) <= samples:
        return nn.functional.pad(waveform, (0, samples - len(waveform)))
    segments = waveform.unfold(0, samples, max(1, samples // 2))
    return segments[segments.square().sum(dim=1).argmax()].clone()


class _Recorder:
    """Records the outputs of a network's layers while it runs on one clip."""

    def __init__(self, network: nn.Module) -> None:
        self.outputs: list[LayerOutput] = []
        self._last_output: Tensor | None = None
        """Output of the last recorded layer, until a layer of another kind runs."""
        leaves = [module for module in network.modules() if not list(module.children())]
        self._hooks = [leaf.register_forward_hook(self._record) for leaf in leaves]

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _record(self, layer: nn.Module, arguments: tuple[object, ...], output: object) -> None:
        if isinstance(layer, nn.RNNBase) and isinstance(output, tuple):
            output = output[0] if layer.batch_first or output[0].ndim < 3 else output[0].transpose(0, 1)
        if not isinstance(output, Tensor) or output.is_complex():
            return
        name, follows = type(layer).__name__, bool(arguments) and arguments[0] is self._last_output
        self._last_output = None
        if type(layer).__module__.rpartition(".")[2] in _MERGED_MODULES:
            if not follows:
                return
            previous = self.outputs.pop()
            self._add(previous.name if "Dropout" in name else f"{previous.name}, {name}", output, previous.recurrent)
        elif "Pool" in name or isinstance(layer, _ConvNd | nn.Linear | nn.RNNBase):
            self._add(name, output, isinstance(layer, nn.RNNBase))
        else:
            return
        self._last_output = output

    def _add(self, name: str, output: Tensor, recurrent: bool) -> None:
        values = output[0].float()
        if recurrent:  # [steps, units]
            values = values.T
        while values.ndim > 3:
            values = values.flatten(0, 1)
        shape = tuple(values.shape)
        if values.ndim > 1 and values[0].numel() == 1:
            values, recurrent = values.flatten(), False
        while values.numel() > MAX_VALUES:
            values = values[..., ::2]
        self.outputs.append(LayerOutput(name, values.clone().numpy(), shape, recurrent))
