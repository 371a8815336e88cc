"""Code that torch.compile generates for the steps of a training: for batches of one shape; all else the network runs itself.

Shapes that differ (the last batch of a pass, validation, one clip) would each be compiled for themselves, and they are a
small share of a trial. On one thread of a CPU, batches of 64: tc-resnet took about 25 s to compile and then saved 15 % of a
step, which pays after some 15,000 steps; cnn took 12 s and saved 19 %, which pays after some 400.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from bench.errors import one_line
from bench.training.device import autocast, fastest_layout

HELP = " Set TORCHDYNAMO_VERBOSE"
"""Where torch's message goes on about debugging."""
Forward = Callable[..., Tensor]
"""A network, or what is called in its place: its inputs to logits [B, classes]."""


class Compiler:
    """Compiles one network after another, and lives as long as its worker.

    What it has compiled serves all networks of the same configuration, as those of a final's seeds. It is dropped with the
    first of another; torch's own cache on disk still has its code. Its libraries stay loaded, about 1 MiB a configuration.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        """`warn` is told once of each reason why a network is left as it is."""
        self._warn = warn
        self._warned: set[str] = set()
        self._configuration = ""

    def compile(self, network: nn.Module, shape: tuple[int, ...], *, configuration: str) -> Forward:
        """What is called in the network's place, for features of this shape, [B, ...]. Compiles now, not in the first step.

        `configuration` is equal for networks that differ by nothing but their weights. Whatever the generated code or its
        compiler raises passes through; the network is then as it was.
        """
        if configuration != self._configuration:
            torch._dynamo.reset()
            self._configuration = configuration
        compiled = _Compiled(network, shape)
        device = next(network.parameters()).device
        with _as_it_was(network, device), autocast(device):
            torch.autograd.backward(compiled.first(torch.zeros(shape, device=device)).float().sum())
        return compiled

    def cannot(self, why: str | Exception) -> None:
        """Warns that a network runs as it is."""
        reason = why if isinstance(why, str) else one_line(why).split(HELP)[0][:200]
        if reason not in self._warned:
            self._warned.add(reason)
            self._warn(f"--compile: such trainings run uncompiled: {reason}")


class _Compiled:
    """The generated code where the shape is the one that it was made for, the network everywhere else."""

    def __init__(self, network: nn.Module, shape: tuple[int, ...]) -> None:
        self._network = network
        self._shape = shape
        # Dropout draws as it does without: the numbers differ by their rounding alone.
        self._code = torch.compile(network, dynamic=False, options={"fallback_random": True})

    def first(self, features: Tensor) -> Tensor:
        """The only call that compiles."""
        self._network.train()
        return self._code(fastest_layout(features.contiguous()))  # type: ignore[no-any-return]

    def __call__(self, *inputs: Tensor) -> Tensor:
        if len(inputs) > 1 or inputs[0].shape != self._shape:
            return self._network(*inputs)  # type: ignore[no-any-return]
        with torch.compiler.set_stance("eager_on_recompile"):
            return self._code(fastest_layout(inputs[0].contiguous()))  # type: ignore[no-any-return]


@contextmanager
def _as_it_was(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Puts back what a pass of training changes: running statistics, gradients, torch's generators."""
    before = [buffer.clone() for buffer in network.buffers()]
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            yield
    finally:
        with torch.no_grad():
            for buffer, value in zip(network.buffers(), before, strict=True):
                buffer.copy_(value)
        network.zero_grad(set_to_none=True)
