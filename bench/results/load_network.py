"""A tested run's network and front end, made again from what the run keeps: its record and its weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from bench.errors import BenchError, one_line
from bench.plugins.networks import build_network
from bench.plugins.registry import Registry
from bench.results.stored_model import StoredModel, require_plugins
from bench.training.frontend import FrontEnd
from bench.trial.weights import read_weights


@dataclass(frozen=True)
class LoadedNetwork:
    """A network in evaluation mode, and the front end before it."""

    network: nn.Module
    """Features [B, ...] to logits [B, classes]."""
    front_end: FrontEnd
    """float32 waveforms [B, samples] in -1..1 to features."""
    width: int
    """Samples that the network is given at most: of a clip, or of a segment of one."""
    name: str
    """Name of the model."""
    any_length: bool
    """Whether the network takes clips of any length."""


def load_network(stored: StoredModel, registry: Registry) -> LoadedNetwork:
    """The network of a run, on the CPU.

    Raises:
        BenchError: If a plugin is missing, or the weights are not those of the network that it builds now.
    """
    record = stored.record
    require_plugins(record.spec, record.versions, stored.name, registry)
    front_end = FrontEnd(registry.feature(record.spec.feature), torch.device("cpu"))
    try:
        state = read_weights(stored.weights)
        model = registry.model(record.spec.model)
        with torch.random.fork_rng(devices=[]):  # the initial weights are replaced: nobody else's draws change by them
            shape = front_end.feature.shape(record.samples)
            network = build_network(model, shape, len(record.labels)).eval()
        network.load_state_dict(state)
    except BenchError:
        raise
    except Exception as error:  # safetensors, pickle, zipfile, torch and the plugin each raise their own
        raise BenchError(
            f"the weights of {stored.name} do not fit the network that {record.spec.model.name} builds now "
            f"({type(error).__name__}: {one_line(error)[:200]}): run it again, or use the versions it was made with"
        ) from None
    return LoadedNetwork(network, front_end, record.samples, model.name, model.any_length)
