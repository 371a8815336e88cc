"""Whether a model can take a feature, found out without data, memory or time."""

from __future__ import annotations

from contextlib import suppress

import torch
from torch import nn

from bench.errors import one_line
from bench.plugins import Infeasible
from bench.plugins.registry import Incompatible, installed
from bench.training.batches import input_samples
from bench.trial.trial_records import TrialSpec

FEW = 16
"""Frames (of a waveform: samples) that a network for clips of any length is run on: the meta device takes recurrent layers
step by step in Python, 4 s for three layers and a thousand frames."""


def check_feasible(spec: TrialSpec, *, seconds: float, classes: int) -> int:
    """Runs the model on the `meta` device, which costs milliseconds and no memory; returns its number of parameters.

    `seconds`: the data set's clip length. Raises Infeasible where options do not go together, as a window that is searched
    and longer than a fixed n_fft, and where the model cannot take the feature's shape, or clips of their own lengths;
    whatever else a plugin raises passes through.
    """
    try:
        feature, model = installed().feature(spec.feature), installed().model(spec.model)
    except Incompatible as error:
        raise Infeasible(one_line(error)) from error
    if spec.training.lengths == "own" and not model.any_length:
        raise Infeasible(f"{spec.model.name} takes clips of one length only: leave out lengths=own")
    samples = input_samples(spec.training, sample_rate=feature.sample_rate, seconds=seconds)
    shape = feature.shape(samples)
    if min(shape) < 1:
        length = f"{samples / feature.sample_rate:g} s"
        raise Infeasible(f"{spec.feature.name} gives the empty shape {list(shape)} for clips of {length}")
    try:
        with torch.device("meta"), torch.no_grad():
            network: nn.Module = model.build(shape, classes).eval()
            with suppress(NotImplementedError):  # an operation without a meta kernel: the first batch will tell
                network(torch.empty(2, *shape[:-1], FEW if model.any_length else shape[-1]))
    except (RuntimeError, ValueError) as error:  # torch's layers complain of shapes by either
        raise Infeasible(
            f"{spec.model.name} cannot take {spec.feature.name} {list(shape)}: {one_line(error)}"
        ) from error
    return sum(parameter.numel() for parameter in network.parameters())
