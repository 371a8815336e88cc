"""The recurrent layer of the reference networks."""

from __future__ import annotations

from torch import Tensor, nn


class SequenceLstm(nn.Module):
    """An LSTM that reads the vectors of [B, steps, inputs] one by one and gives all of its outputs, [B, steps, outputs]."""

    def __init__(self, inputs: int, hidden: int, *, bidirectional: bool = False) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, hidden, batch_first=True, bidirectional=bidirectional)

    def forward(self, sequence: Tensor) -> Tensor:
        outputs: Tensor = self.lstm(sequence)[0]
        return outputs
