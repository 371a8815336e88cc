"""Checks whether a model can take a feature, without data and in milliseconds."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from bench.errors import one_line
from bench.plugins import Feature, Infeasible, Model, TrainingSettings
from bench.plugins.networks import build_network
from bench.plugins.registry import Incompatible, Registry
from bench.sizes import machine_memory, shown_size
from bench.training.batches import input_samples
from bench.trial.feasibility_cache import FeasibilityCache
from bench.trial.trial_records import TrialSpec

FEW = 16
"""Frames (of a waveform: samples) that a network for clips of any length is run on: its own recurrences, which the meta
device takes step by step in Python, are then short."""
BYTES_OF_FLOAT32 = 4
TENSOR_LIBRARIES = ("torch", "torchaudio", "torchvision", "einops")
"""Packages whose layers and operators refuse shapes."""
OF_SHAPES = re.compile(
    r"shape|size|dim|\d-?D\b|channel|length|feature|padding|kernel|stride|element|divisible|subscript", re.IGNORECASE
)
"""Finds what is said about shapes in their messages."""


def check_feasible(
    spec: TrialSpec, *, registry: Registry, seconds: float, classes: int, cache: FeasibilityCache | None = None
) -> int | None:
    """Runs the model on the `meta` device, which takes milliseconds and no memory.

    Args:
        spec: The configuration.
        registry: The plugins that its names are looked up in.
        seconds: Clip length of the data set.
        classes: Number of the data set's classes.
        cache: Outcomes of earlier processes.

    Returns:
        Number of the network's parameters; None if only a trial can tell, since the model raises something else there.

    Raises:
        Infeasible: If options do not go together, as a window that is searched and longer than a fixed n_fft; or if the
            model cannot take the feature's shape, or clips of their own lengths.
        Exception: Whatever else a feature raises.
    """
    try:
        feature, model = registry.feature(spec.feature), registry.model(spec.model)
    except Incompatible as error:
        raise Infeasible(one_line(error)) from error
    if spec.training.lengths == "own" and not model.any_length:
        raise Infeasible(f"{spec.model.name} takes clips of one length only: leave out lengths=own")
    require_memory(feature, spec.training, seconds)
    samples = input_samples(spec.training, sample_rate=feature.sample_rate, seconds=seconds)
    shape = tuple(feature.shape(samples))
    if min(shape) < 1:
        length = f"{samples / feature.sample_rate:g} s"
        raise Infeasible(f"{spec.feature.name} gives the empty shape {list(shape)} for clips of {length}")
    key = None if cache is None else cache.key(model, registry.package_of(model), shape, classes)
    if cache is None or key is None:
        return parameters_on_meta(model, shape, classes)
    return cache.recalled(key, lambda: parameters_on_meta(model, shape, classes))


def require_memory(feature: Feature, settings: TrainingSettings, seconds: float) -> None:
    """Checks that the machine has memory for the waveforms and features of a few clips, from their shapes alone.

    Raises:
        Infeasible: If it has not, with the estimate.
    """
    clips, memory = min(FEW, settings.batch_size), machine_memory()
    length, rate = settings.segment_seconds or seconds, feature.sample_rate
    needed = BYTES_OF_FLOAT32 * clips * length * rate
    if needed <= memory:
        samples = input_samples(settings, sample_rate=rate, seconds=seconds)
        needed += BYTES_OF_FLOAT32 * clips * math.prod(feature.shape(samples))
    if needed > memory:
        raise Infeasible(
            f"{clips} clips of {length:g} s at {rate:,} Hz with their {feature.name} take {shown_size(needed)} of memory, "
            f"and this machine has {shown_size(memory)}"
        )


def parameters_on_meta(model: Model, shape: Sequence[int], classes: int) -> int | None:
    """Builds a model and runs its network once on the `meta` device.

    Args:
        model: The model.
        shape: Shape of a feature of one clip.
        classes: Number of classes.

    Returns:
        Number of the network's parameters; None if the model raises what says nothing of the shape.

    Raises:
        Infeasible: If the model says so, or one of its layers or operators refuses the shape.
    """
    try:
        with torch.device("meta"), torch.no_grad():
            network = build_network(model, shape, classes).eval()
    except (Exception, SystemExit) as error:
        _raise_if_infeasible(error, model, shape)
        return None  # the model may miss nothing but a real device; otherwise the trial shows the error
    try:
        with torch.device("meta"), torch.no_grad(), _recurrence_by_shape(network):
            network(torch.empty(2, *shape[:-1], FEW if model.any_length else shape[-1]))
    except (Exception, SystemExit) as error:  # also an operator without a meta kernel: the first batch will tell
        _raise_if_infeasible(error, model, shape)
    return sum(parameter.numel() for parameter in network.parameters())


@contextmanager
def _recurrence_by_shape(network: nn.Module) -> Iterator[None]:
    """Lets recurrent layers give outputs of the right shape at once: on the meta device torch takes them step by step in
    Python, which is most of what a check costs."""
    layers = [layer for layer in network.modules() if isinstance(layer, nn.RNN | nn.GRU | nn.LSTM)]
    for layer in layers:
        setattr(layer, "forward", partial(_recurrent_shapes, layer))  # noqa: B010 - a method, for mypy
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _recurrent_shapes(layer: nn.RNNBase, inputs: Tensor, state: object = None) -> tuple[Tensor, object]:
    """Outputs and last states of a recurrent layer, of which the shapes alone count; it refuses inputs as it always does."""
    batched = inputs if inputs.dim() == 3 else inputs.unsqueeze(0 if layer.batch_first else 1)
    layer.check_input(batched, None)
    directions = 2 if layer.bidirectional else 1
    width = layer.proj_size or layer.hidden_size
    clips = batched.shape[0 if layer.batch_first else 1]
    batch = (clips,) if inputs.dim() == 3 else ()
    hidden = inputs.new_empty(directions * layer.num_layers, *batch, width)
    outputs = inputs.new_empty(*inputs.shape[:-1], directions * width)
    if not isinstance(layer, nn.LSTM):
        return outputs, hidden
    return outputs, (hidden, inputs.new_empty(directions * layer.num_layers, *batch, layer.hidden_size))


def _raise_if_infeasible(error: BaseException, model: Model, shape: Sequence[int]) -> None:
    if isinstance(error, Infeasible):
        raise error
    if refuses_shape(error):
        raise Infeasible(f"{model.name} cannot take the shape {list(shape)}: {one_line(error)}") from error


def refuses_shape(error: BaseException) -> bool:
    """Whether an exception is a refusal of a shape by a layer or an operator, rather than a fault of the model.

    Below `torch.device("meta")` every operator is called by a function of torch's own, so the innermost frame tells who has
    raised: a plugin that raises a ValueError itself is at fault, and should raise Infeasible instead.
    """
    if not isinstance(error, RuntimeError | ValueError | IndexError | AssertionError) or error.__traceback__ is None:
        return False
    innermost = error.__traceback__
    while innermost.tb_next is not None:
        innermost = innermost.tb_next
    package = str(innermost.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
    return package in TENSOR_LIBRARIES and OF_SHAPES.search(str(error)) is not None
