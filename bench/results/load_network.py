"""A tested run's network and front end, made again from its specification and its weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from bench.data.prepared import PreparedData
from bench.errors import BenchError, one_line
from bench.plugins.networks import build_network
from bench.plugins.registry import Registry
from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunRecord
from bench.training.batches import input_samples
from bench.training.frontend import FrontEnd


@dataclass(frozen=True)
class LoadedNetwork:
    """A network in evaluation mode, and the front end before it."""

    network: nn.Module
    """Features [B, ...] to logits [B, classes]."""
    front_end: FrontEnd
    """float32 waveforms [B, samples] in -1..1 to features."""
    width: int
    """Samples that the network is given at most: of a clip, or of a segment of one."""


def load_network(study: StudyFolder, run: RunRecord, data: PreparedData, registry: Registry) -> LoadedNetwork:
    """The network of a run, on the CPU.

    Raises:
        BenchError: If the run has no weights, or they are not those of the network that its plugin builds now.
    """
    path = weights_path(study, run)
    front_end = FrontEnd(registry.feature(run.spec.feature), torch.device("cpu"))
    rate = front_end.feature.sample_rate
    width = input_samples(run.spec.training, sample_rate=rate, seconds=data.seconds)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        with torch.random.fork_rng(devices=[]):  # the initial weights are replaced: nobody else's draws change by them
            shape = front_end.feature.shape(width)
            network = build_network(registry.model(run.spec.model), shape, len(data.labels)).eval()
        network.load_state_dict(state)
    except BenchError:
        raise
    except Exception as error:  # pickle, zipfile, torch and the plugin each raise their own
        raise BenchError(
            f"the weights of {run.study}/{run.name} do not fit the network that {run.spec.model.name} builds now "
            f"({type(error).__name__}: {one_line(error)[:200]}): run it again, or use the versions it was made with"
        ) from None
    return LoadedNetwork(network, front_end, width)


def weights_path(study: StudyFolder, run: RunRecord) -> Path:
    """The file of a run's weights.

    Raises:
        BenchError: If it has none.
    """
    path = study.run_folder(run) / "weights.pt"
    if not path.is_file():
        raise BenchError(f"{run.study}/{run.name} has no weights: only finals and reproductions keep them, name one")
    return path
