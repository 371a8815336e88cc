"""A network's outputs for the clips of a split, scored against the true labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from bench.evaluation.metrics import Scores, basic_scores, score
from bench.evaluation.predictions import Predictions
from bench.plugins import Metric
from bench.training.device_clips import DeviceClips
from bench.training.evaluator import Outputs


@dataclass(frozen=True)
class ScoredOutputs:
    """Outputs with predictions and scores.

    Attributes:
        outputs: What the network gave for every example.
        predictions: Probabilities and true labels of every clip.
        scores: Scores over the clips that are needed after every epoch; `all_scores` computes the others, too.
    """

    outputs: Outputs
    predictions: Predictions
    scores: Scores

    def all_scores(self, metrics: Iterable[type[Metric]]) -> Scores:
        """All scores over the clips, and these metrics of plugins."""
        return score(self.predictions, metrics)

    def segment_scores(self) -> Scores | None:
        """Scores over the segments, each on its own; None if clips were not cut into segments."""
        if self.outputs.segment_clip is None:
            return None
        clip, of_clips = self.outputs.segment_clip.numpy(), self.predictions
        segments = Predictions(
            labels=of_clips.labels,
            ids=tuple(of_clips.ids[index] for index in clip),
            groups=tuple(of_clips.groups[index] for index in clip),
            targets=of_clips.targets[clip],
            probabilities=self.outputs.logits.softmax(dim=1).cpu().numpy(),
        )
        return basic_scores(segments)


def are_finite(outputs: Outputs) -> bool:
    """Whether all logits are finite numbers."""
    return bool(torch.isfinite(outputs.logits).all())


def score_outputs(outputs: Outputs, clips: DeviceClips, labels: tuple[str, ...]) -> ScoredOutputs:
    """Scores what a network gave for the clips of a split."""
    predictions = Predictions(
        labels=labels,
        ids=clips.ids,
        groups=clips.groups,
        targets=clips.targets.cpu().numpy(),
        probabilities=outputs.probabilities.numpy(),
    )
    return ScoredOutputs(outputs, predictions, basic_scores(predictions))
