"""The loss that a network is trained by: cross-entropy or focal loss, of classes or of soft targets."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from bench.plugins import TrainingSettings


def classification_loss(
    logits: Tensor, targets: Tensor, settings: TrainingSettings, *, class_weights: Tensor | None
) -> Tensor:
    """Mean loss over a batch, in nats.

    Args:
        logits: float32 [B, classes].
        targets: Classes, int64 [B], or soft targets, the share of every class, float32 [B, classes].
        settings: Label smoothing, and the exponent of the focal loss.
        class_weights: float32 [classes]; None if all are alike.
    """
    smoothing, gamma = settings.label_smoothing, settings.focal_gamma
    if gamma == 0:
        return functional.cross_entropy(logits, targets, weight=class_weights, label_smoothing=smoothing)
    soft = one_hot(targets, logits.shape[1]) if targets.dim() == 1 else targets
    soft = soft * (1 - smoothing) + smoothing / logits.shape[1]
    log_probability = logits.log_softmax(dim=1)
    # Clamped, since the slope of x ** gamma at 0 is infinite below an exponent of 1.
    missed = (-torch.expm1(log_probability)).clamp_min(1e-7)
    loss = -soft * missed**gamma * log_probability
    return (loss if class_weights is None else loss * class_weights).sum(dim=1).mean()


def one_hot(targets: Tensor, classes: int) -> Tensor:
    """Soft targets of examples that have one class each, float32 [B, classes]."""
    return functional.one_hot(targets, classes).float()


def likeliest(targets: Tensor) -> Tensor:
    """The class of every example, int64 [B]; of soft targets the one with the largest share."""
    return targets if targets.dim() == 1 else targets.argmax(dim=1)
