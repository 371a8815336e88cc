"""Tests a trained network under the changes of `bench.trial.conditions`, by one pass each over the clips of a split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from bench.data.audio_file import to_int16
from bench.evaluation.predictions import Predictions
from bench.plugins import TrainingSettings
from bench.training.device_clips import FULL_SCALE, DeviceClips
from bench.training.evaluator import Evaluator
from bench.training.frontend import FrontEnd
from bench.trial.conditions import CONDITIONS, NOISE_SEED, Condition
from bench.trial.scored_outputs import score_outputs

CLIPS_AT_A_TIME = 256
"""Clips that are changed at a time, as float32."""


def under_conditions(
    network: nn.Module,
    front_end: FrontEnd,
    settings: TrainingSettings,
    *,
    clips: DeviceClips,
    labels: tuple[str, ...],
) -> Iterator[tuple[str, Predictions]]:
    """Tests a network under every condition, one after another, so that one changed copy of the clips is in memory.

    Args:
        network: The trained network.
        front_end: Computes its inputs.
        settings: How clips are cut, as in training.
        clips: The clips, as they are.
        labels: Names of the classes.

    Yields:
        The name of every condition of CONDITIONS, and the predictions under it.
    """
    for name, condition in CONDITIONS.items():
        changed = changed_clips(clips, condition, sample_rate=front_end.feature.sample_rate)
        outputs = Evaluator(changed, front_end, settings, classes=len(labels), cache=False)(network)
        yield name, score_outputs(outputs, changed, labels).predictions


def changed_clips(clips: DeviceClips, condition: Condition, *, sample_rate: int) -> DeviceClips:
    """Returns the clips under a condition, where the given ones are: on the device, or in the host's memory."""
    random = np.random.default_rng(NOISE_SEED)
    samples = clips.samples.new_empty((len(clips.targets), clips.width))
    lengths = torch.empty_like(clips.lengths)
    for start in range(0, len(clips.targets), CLIPS_AT_A_TIME):
        part = slice(start, start + CLIPS_AT_A_TIME)
        rows = part if clips.rows is None else clips.rows[part]  # the file may hold clips of other splits, too
        waveforms = clips.samples[rows].cpu().numpy().astype(np.float32) / np.float32(FULL_SCALE)
        changed, changed_lengths = condition.change(waveforms, clips.lengths[part].cpu().numpy(), sample_rate, random)
        samples[part] = torch.from_numpy(to_int16(changed))
        lengths[part] = torch.from_numpy(changed_lengths)
    return replace(clips, samples=samples, lengths=lengths, rows=None, source=None)
