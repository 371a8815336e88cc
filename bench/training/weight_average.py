"""The exponential moving average of a network's weights, which is evaluated in their place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class WeightAverage:
    """Follows the weights and the running statistics of a network; with a decay of 0 it does nothing."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        """Starts without a step.

        Args:
            network: The network, whose steps are followed.
            decay: Share of the average that stays after a step, 0 to 1; the first step's weights are its beginning.
        """
        self._network = network
        self._average: AveragedModel | None = None
        if decay > 0:
            follow = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
            self._average = AveragedModel(network, multi_avg_fn=follow, use_buffers=True)

    def update(self) -> None:
        """Moves the average towards the weights after a step."""
        if self._average is not None:
            self._average.update_parameters(self._network)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Gives the network the average, and afterwards its own weights again, with which training goes on."""
        if self._average is None:
            yield
            return
        own = {name: value.clone() for name, value in self._network.state_dict().items()}
        self._network.load_state_dict(self._average.module.state_dict())
        try:
            yield
        finally:
            self._network.load_state_dict(own)
