"""A tested run's network, made again from its specification and its kept weights, and what it makes of real clips."""

from __future__ import annotations

from collections.abc import Sequence

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
from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunRecord

MOST_LAYERS = 12
MOST_VALUES = 4_000_000
"""Of a layer: more, as of a long clip, are thinned out along the time, since no figure shows them."""
_REFINING = ("batchnorm", "normalization", "instancenorm", "activation", "dropout")
"""Modules of torch.nn whose layers only change what the layer before them gave: shown as one with it."""


class TrainedNetwork:
    """The network in evaluation mode on the CPU, and the front end before it.

    Raises BenchError where the run kept no weights, or where they are not those of the network that its plugin builds now.
    """

    def __init__(self, study: StudyFolder, run: RunRecord, data: PreparedData, *, registry: Registry) -> None:
        loaded = load_network(study, run, data, registry)
        self._settings = run.spec.training
        self._front_end, self._network, self._width = loaded.front_end, loaded.network, loaded.width
        self.sample_rate = self._front_end.feature.sample_rate
        self.reads_waveforms = len(self._front_end.feature.shape(self._width)) == 1

    def model_input(self, samples: NDArray[np.int16], length: int) -> Tensor:
        """What of a clip the network is given at once: float32 [samples]. Of segments the one with the most energy."""
        waveform = torch.from_numpy(samples.astype(np.float32) / 32768.0)
        if self._settings.segment_seconds is not None:
            return loudest_stretch(waveform[: max(1, length)], self._width)
        return waveform[: max(1, length)] if self._settings.lengths == "own" else waveform

    @torch.no_grad()
    def layers(self, waveform: Tensor) -> list[LayerOutput]:
        """Outputs of the convolutions, pools, recurrent and linear layers for one waveform [samples], in their order, each
        with the normalisation and activation after it; of more than MOST_LAYERS those at even distances."""
        recorder = _Recorder(self._network)
        with recorder:
            self._network(self._front_end(waveform[None]))
        found = recorder.found
        if len(found) > MOST_LAYERS:
            found = [found[place] for place in np.linspace(0, len(found) - 1, MOST_LAYERS).round().astype(int)]
        if not found:
            raise BenchError("the network has no convolution, pool, recurrent or linear layer of torch.nn to show")
        return found

    @torch.no_grad()
    def pooled(self, waveforms: Sequence[Tensor]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What the last linear layer is given for each waveform, [clips, units], and its weights [outputs, units]."""
        given: list[tuple[nn.Linear, Tensor]] = []

        def keep(layer: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            assert isinstance(layer, nn.Linear)
            given.append((layer, arguments[0].reshape(-1, layer.in_features)[-1]))

        hooks = [
            layer.register_forward_pre_hook(keep) for layer in self._network.modules() if isinstance(layer, nn.Linear)
        ]
        outputs = []
        try:
            for waveform in waveforms:  # one by one: they may differ in length
                given.clear()
                self._network(self._front_end(waveform[None]))
                if not given:
                    raise BenchError("the network has no linear layer, so nothing stands before the last one")
                outputs.append(given[-1][1])
        finally:
            for hook in hooks:
                hook.remove()
        return torch.stack(outputs).numpy(), given[-1][0].weight.detach().numpy()

    def first_filters(self) -> NDArray[np.float32]:
        """Weights of the first convolution, [filters, inputs, taps] or [filters, inputs, height, width]."""
        for layer in self._network.modules():
            if isinstance(layer, nn.Conv1d | nn.Conv2d):
                return np.asarray(layer.weight.detach().numpy())
        raise BenchError("the network has no convolution, so it has no filters to show")


def loudest_stretch(waveform: Tensor, width: int) -> Tensor:
    """The `width` samples with the most energy among stretches that overlap by half, zeros after a shorter waveform."""
    if len(waveform) <= width:
        return nn.functional.pad(waveform, (0, width - len(waveform)))
    stretches = waveform.unfold(0, width, max(1, width // 2))
    return stretches[stretches.square().sum(dim=1).argmax()].clone()


class _Recorder:
    """Listens to the layers of a network while it runs on one clip."""

    def __init__(self, network: nn.Module) -> None:
        self.found: list[LayerOutput] = []
        self._last: Tensor | None = None
        """What the layer that was found last gave, until another kind of layer has run."""
        leaves = [module for module in network.modules() if not list(module.children())]
        self._hooks = [leaf.register_forward_hook(self._hear) for leaf in leaves]

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _hear(self, layer: nn.Module, arguments: tuple[object, ...], output: object) -> None:
        if isinstance(layer, nn.RNNBase) and isinstance(output, tuple):
            output = output[0] if layer.batch_first or output[0].ndim < 3 else output[0].transpose(0, 1)
        if not isinstance(output, Tensor) or output.is_complex():
            return
        name, follows = type(layer).__name__, bool(arguments) and arguments[0] is self._last
        self._last = None
        if type(layer).__module__.rpartition(".")[2] in _REFINING:
            if not follows:
                return
            before = self.found.pop()
            self._add(before.name if "Dropout" in name else f"{before.name}, {name}", output, before.recurrent)
        elif "Pool" in name or isinstance(layer, _ConvNd | nn.Linear | nn.RNNBase):
            self._add(name, output, isinstance(layer, nn.RNNBase))
        else:
            return
        self._last = output

    def _add(self, name: str, output: Tensor, recurrent: bool) -> None:
        values = output[0].float()
        if recurrent:  # [steps, units]
            values = values.T
        while values.ndim > 3:
            values = values.flatten(0, 1)
        shape = tuple(values.shape)
        if values.ndim > 1 and values[0].numel() == 1:
            values, recurrent = values.flatten(), False
        while values.numel() > MOST_VALUES:
            values = values[..., ::2]
        self.found.append(LayerOutput(name, values.clone().numpy(), shape, recurrent))
