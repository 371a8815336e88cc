"""How weights are initialised."""

from __future__ import annotations

from torch import nn


def he_(network: nn.Module) -> nn.Module:
    """He et al., 2015 (arXiv:1502.01852) for convolutions, so that activations keep their size from layer to layer also
    without batch normalisation; torch's own default shrinks them. Changes the network in place and returns it."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv1d | nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return network
