"""Compiles the steps of a training by torch.compile, for batches of one shape; others run through the network itself.

Other shapes (the last batch of a pass, validation, one clip) would each be compiled separately, and they are a small share
of a trial. On one thread of a CPU, batches of 64: tc-resnet took about 25 s to compile and then saved 15 % of a
step, which pays after some 15,000 steps; cnn took 12 s and saved 19 %, which pays after some 400.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from bench.errors import one_line
from bench.training.device import autocast, fastest_layout

DEBUGGING_HINT = " Set TORCHDYNAMO_VERBOSE"
"""Beginning of the part of torch's messages that explains debugging."""
Forward = Callable[..., Tensor]
"""A network, or its compiled code: maps the network's inputs to logits [B, classes]."""


class Compiler:
    """Compiles one network after another, and lives as long as its worker.

    Compiled code serves all networks of the same configuration, such as those of a final's seeds. It is dropped when a
    network of another configuration comes; torch's own cache on disk still has it. The code's libraries stay loaded, about
    1 MiB a configuration.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        """Starts without compiled code; `warn` is called once for each reason why a network is not compiled."""
        self._warn = warn
        self._warned: set[str] = set()
        self._configuration = ""

    def compile(self, network: nn.Module, shape: tuple[int, ...], *, configuration: str) -> Forward:
        """Compiles a network now, not in its first step; its weights and statistics do not change, even if this raises.

        Args:
            network: The network, on its device.
            shape: Shape of the features that the code is made for, [B, ...].
            configuration: A text that is equal for networks that differ in nothing but their weights.

        Returns:
            The function to call in place of the network.

        Raises:
            Exception: Whatever the generated code or its compiler raises.
        """
        if configuration != self._configuration:
            torch._dynamo.reset()
            self._configuration = configuration
        compiled = _Compiled(network, shape)
        device = next(network.parameters()).device
        with _restored(network, device), autocast(device):
            torch.autograd.backward(compiled.first(torch.zeros(shape, device=device)).float().sum())
        return compiled

    def cannot(self, why: str | Exception) -> None:
        """Warns that a network runs uncompiled."""
        reason = why if isinstance(why, str) else one_line(why).split(DEBUGGING_HINT)[0][:200]
        if reason not in self._warned:
            self._warned.add(reason)
            self._warn(f"--compile: such trainings run uncompiled: {reason}")


class _Compiled:
    """Calls the generated code for the shape that it was made for, and the network for every other."""

    def __init__(self, network: nn.Module, shape: tuple[int, ...]) -> None:
        self._network = network
        self._shape = shape
        # Dropout draws as it does uncompiled, so that the numbers differ by their rounding alone.
        self._code = torch.compile(network, dynamic=False, options={"fallback_random": True})

    def first(self, features: Tensor) -> Tensor:
        """Runs the generated code for the first time, which compiles it."""
        self._network.train()
        return self._code(fastest_layout(features.contiguous()))  # type: ignore[no-any-return]

    def __call__(self, *inputs: Tensor) -> Tensor:
        if len(inputs) > 1 or inputs[0].shape != self._shape:
            return self._network(*inputs)  # type: ignore[no-any-return]
        with torch.compiler.set_stance("eager_on_recompile"):
            return self._code(fastest_layout(inputs[0].contiguous()))  # type: ignore[no-any-return]


@contextmanager
def _restored(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Restores what a pass of training changes: running statistics, gradients, torch's generators."""
    before = [buffer.clone() for buffer in network.buffers()]
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            yield
    finally:
        with torch.no_grad():
            for buffer, value in zip(network.buffers(), before, strict=True):
                buffer.copy_(value)
        network.zero_grad(set_to_none=True)
