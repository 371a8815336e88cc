"""Writes a trained network as one file, after it was compared with the harness on clips."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from bench.data.prepared import PreparedData
from bench.errors import BenchError, WrongUsage
from bench.export.agreement import Agreement, compare_with_harness, noise_clips
from bench.export.metadata import RecordedFigures, metadata
from bench.export.onnx_file import onnx_bytes, onnx_runner, require_onnx, to_onnx
from bench.export.rewriting import Fourier
from bench.export.torch_program import program_bytes, program_runner, to_program
from bench.files import write_atomically
from bench.plugins import Split
from bench.results.load_network import LoadedNetwork
from bench.results.stored_model import StoredModel
from bench.training.device_clips import DataOnDevice, DeviceClips
from bench.training.segments import consecutive

Format = Literal["onnx", "torch"]
SUFFIXES: dict[Format, str] = {"onnx": ".onnx", "torch": ".pt2"}
WAYS: tuple[Fourier, ...] = ("faster", "operator")
"""How Fourier transforms are written, the faster way first: a convolution rounds otherwise than a fast transform, which a
network may make much of. The first that agrees with the harness is taken."""
CALIBRATION_CLIPS = 256
"""Validation clips that show a quantised network the range of its inputs, at most."""


@dataclass(frozen=True)
class ExportedFile:
    """What was written, and how it compares with the harness.

    Attributes:
        path: The file.
        size: Its size in bytes.
        agreement: The float32 network against the harness.
        quantised: The quantised network against the harness; None if it was not asked for.
        fixed: Why it takes waveforms of one length alone; empty if it takes any.
        samples: That length, in samples.
        registered: What it is in MLflow's registry, as `models:/digits/1 in sqlite:///...`; empty if it is not there.
    """

    path: Path
    size: int
    agreement: Agreement
    quantised: Agreement | None
    fixed: str
    samples: int
    registered: str = ""

    def lines(self) -> list[str]:
        """What a person reads of it."""
        checked, length = self.agreement, self.fixed and f"{self.samples:,} samples ({self.fixed})"
        lines = [
            f"{self.path}  {self.size / 1e6:.2f} MB, waveform [batch, samples] to probabilities, "
            f"waveforms of {length or 'any length'}",
            f"checked    {checked.same_class:,} of {checked.clips:,} {checked.of}: the same class as the harness, "
            f"probabilities to {checked.largest:.1e}",
        ]
        if (of_integers := self.quantised) is not None:
            lines.append(
                f"int8       accuracy {checked.accuracy:.4f} before, {of_integers.accuracy:.4f} after; "
                f"{of_integers.same_class:,} of {checked.clips:,} the same class, probabilities to {of_integers.largest:.2f}"
            )
        return [*lines, f"registered {self.registered}"] if self.registered else lines


def write_network(
    path: Path,
    loaded: LoadedNetwork,
    stored: StoredModel,
    figures: RecordedFigures,
    *,
    format: Format,
    quantize: bool = False,
    data: PreparedData | None,
) -> ExportedFile:
    """Writes a network with its front end.

    Args:
        path: The file.
        loaded: The network.
        stored: What is on disk of it.
        figures: What it has on record, for the file's metadata.
        format: ONNX, or a program of torch.export.
        quantize: Whether an ONNX network is of 8-bit integers.
        data: The data set, decoded; None if it is not at hand, and the file is compared on noise.

    Raises:
        BenchError: If a part cannot be exported, the file says something else than the harness, or it cannot be written.
    """
    if format == "onnx":
        require_onnx()
    if quantize and (format != "onnx" or data is None):
        why = "is of ONNX files" if format != "onnx" else "needs the data set's clips, which are not at hand"
        raise (WrongUsage if format != "onnx" else BenchError)(f"--quantize int8 {why}")
    record = stored.record
    noise = noise_clips(max(1, round(record.seconds * record.sample_rate)))
    clips = noise if data is None else split_clips(data, "test", record.sample_rate)
    of = f"test clip{'s' * (len(clips.ids) != 1)}" if data is not None else "clips of noise"
    settings, classes = record.spec.training, len(record.labels)
    quantised = None
    if format == "torch":
        program = to_program(loaded)
        fixed, content = program.fixed, program_bytes(program.made, metadata(stored, figures, fixed=program.fixed))
        agreement = compare_with_harness(program_runner(content), loaded, clips, settings, classes=classes, of=of)
    else:
        for fourier in WAYS:
            model = to_onnx(loaded, fourier=fourier)
            fixed, content = model.fixed, onnx_bytes(model.made, metadata(stored, figures, fixed=model.fixed))
            agreement = compare_with_harness(onnx_runner(content), loaded, clips, settings, classes=classes, of=of)
            if agreement.same:
                break
    agreement.require()
    if quantize and format == "onnx":
        from bench.export.quantise import to_int8

        calibration = calibration_batches(
            split_clips(cast("PreparedData", data), "validation", record.sample_rate), loaded
        )
        content = onnx_bytes(to_int8(model.made, calibration), metadata(stored, figures, fixed=fixed))
        quantised = compare_with_harness(onnx_runner(content), loaded, clips, settings, classes=classes, of=of)
    write_atomically(path, content)
    return ExportedFile(path, len(content), agreement, quantised, fixed, loaded.width)


def split_clips(data: PreparedData, split: Split, sample_rate: int) -> DeviceClips:
    """The decoded clips of a split on the CPU."""
    import torch

    return DataOnDevice(data, torch.device("cpu")).split(split, sample_rate)


def calibration_batches(clips: DeviceClips, loaded: LoadedNetwork) -> Iterator[NDArray[np.float32]]:
    """Waveforms of validation clips one by one, each as long as the network is given at most."""
    import torch

    segments = consecutive(clips, loaded.width, peak=0)
    chosen = np.linspace(0, len(segments.clip) - 1, min(CALIBRATION_CLIPS, len(segments.clip))).round().astype(int)
    for index in chosen:
        yield segments.waveforms(torch.tensor([index])).numpy()
