"""A program of torch.export in one file (.pt2)."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch.export import ExportedProgram

from bench.export.agreement import Runner
from bench.export.rewriting import Rewriting, with_operations_of_torch
from bench.export.waveform_network import Exported, WaveformNetwork, export_parts, traced
from bench.results.load_network import LoadedNetwork

METADATA_FILE = "bench.json"
"""Name of the metadata in a file, for the `extra_files` of torch.export.load."""


def to_program(loaded: LoadedNetwork) -> Exported[ExportedProgram]:
    """A network with its front end as a program. Raises BenchError with the part that cannot be exported."""

    def make(module: WaveformNetwork, any_length: bool) -> ExportedProgram:
        return with_operations_of_torch(traced(module, samples=loaded.width, any_length=any_length))

    return export_parts(loaded, make, Rewriting("operator"))


def program_bytes(program: ExportedProgram, metadata: Mapping[str, str]) -> bytes:
    """The file, with its metadata as JSON."""
    buffer = io.BytesIO()
    torch.export.save(program, buffer, extra_files={METADATA_FILE: json.dumps(dict(metadata), ensure_ascii=False)})
    return buffer.getvalue()


def program_runner(content: bytes) -> Runner:
    """The program that a file holds, ready to run."""
    module = torch.export.load(io.BytesIO(content)).module()

    @torch.no_grad()
    def run(waveforms: NDArray[np.float32]) -> NDArray[np.float32]:
        probabilities: NDArray[np.float32] = module(torch.from_numpy(waveforms))[0].numpy()
        return probabilities

    return run
