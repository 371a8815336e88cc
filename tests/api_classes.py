"""Plugin classes of a calling script, and the options of a study that takes a second, for tests of the Python API."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from torch import Tensor, nn

from bench.plugins import Choice, Model

QUICK: dict[str, Any] = {
    "trials": 2,
    "models": ["tc-resnet"],
    "features": ["mel"],
    "epochs": 1,
    "settings": {"feature.mel.sample_rate": 8000},
    "finalists": 1,
    "final_seeds": 1,
    "workers": 0,
    "threads": 1,
}


class Averaging(nn.Module):
    def __init__(self, bands: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(bands, classes)

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.linear(features.mean(-1))
        return logits


class Mean(Model):
    """A linear layer over the mean of all frames."""

    name: ClassVar[str] = "mean-of-frames"
    scale: Annotated[float, Choice(1.0, 2.0)] = 1.0
    """Nothing, but searched."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return Averaging(shape[0], classes)
