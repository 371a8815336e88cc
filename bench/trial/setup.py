"""The set-up of a trial: its network and front end beside the data, made by one function and then left as it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import nn

from bench.plugins import Augmentation, Infeasible
from bench.plugins.networks import build_network
from bench.plugins.plugin_config import parse_chain
from bench.plugins.registry import Registry
from bench.training.augmentation import Augmenter
from bench.training.batches import batch_sizes, examples_per_pass, input_samples
from bench.training.compiled import Compiler, Forward
from bench.training.device import to_device
from bench.training.device_clips import DataOnDevice, DeviceClips
from bench.training.frontend import FrontEnd
from bench.trial.feasibility import check_feasible
from bench.trial.feasibility_cache import FeasibilityCache
from bench.trial.plugin_code import check_code
from bench.trial.trial_records import TimedOut, TrialSpec


@dataclass(frozen=True)
class TrialSetup:
    """Everything that a trial trains, tests and times with.

    Attributes:
        spec: The specification.
        data: The splits on their device.
        front_end: The feature's module on the device.
        network: The network on the device, trained in place.
        augmentations: Augmentations of plugins that the settings name.
        forward: Code that was compiled for the network's steps; None for the network itself.
    """

    spec: TrialSpec
    data: DataOnDevice
    front_end: FrontEnd
    network: nn.Module
    augmentations: tuple[Augmentation, ...] = ()
    forward: Forward | None = None

    @property
    def sample_rate(self) -> int:
        """Sample rate of the feature, in Hz."""
        return self.front_end.feature.sample_rate

    @property
    def samples(self) -> int:
        """Samples of one model input, at most: of a segment, or of a clip."""
        return input_samples(self.spec.training, sample_rate=self.sample_rate, seconds=self.data.prepared.seconds)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.data.prepared.labels)

    @property
    def parameters(self) -> int:
        """Number of the network's parameters."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    def training_clips(self) -> DeviceClips:
        """The clips that the network is trained on: those of the split, or their augmented copies."""
        return self.data.training(self.spec.training, self.sample_rate)

    def generator(self) -> torch.Generator:
        """A new generator with the trial's seed, from which everything random in a training is drawn."""
        return torch.Generator().manual_seed(self.spec.seed)

    def augmentation(self, generator: torch.Generator) -> Augmenter:
        """The random changes that the settings ask for, drawn from `generator`."""
        settings, rate = self.spec.training, self.sample_rate
        noise = self.data.noise(rate) if settings.noise_snr is not None else None
        return Augmenter(
            settings,
            sample_rate=rate,
            noise=noise,
            generator=generator,
            added=self.augmentations,
            classes=self.classes,
        )


def build_trial(
    spec: TrialSpec,
    data: DataOnDevice,
    registry: Registry,
    *,
    max_parameters: int | None = None,
    cache: FeasibilityCache | None = None,
) -> TrialSetup:
    """Builds the front end and the network, whose initial weights are drawn from the trial's seed.

    Raises:
        Infeasible: If the model cannot take the feature, options do not go together, or the network has more than
            `max_parameters` parameters.
        BenchError: If the code of a plugin is not the specification's.
        Exception: Whatever else a plugin raises.
    """
    check_code(spec, registry)
    labels = data.prepared.labels
    seconds = data.prepared.seconds
    parameters = check_feasible(spec, registry=registry, seconds=seconds, classes=len(labels), cache=cache)
    if max_parameters is not None and parameters is not None and parameters > max_parameters:
        raise Infeasible(f"{spec.model.name} has {parameters:,} parameters, and {max_parameters:,} are allowed")
    torch.manual_seed(spec.seed)
    feature = registry.feature(spec.feature)
    samples = input_samples(spec.training, sample_rate=feature.sample_rate, seconds=data.prepared.seconds)
    network = build_network(registry.model(spec.model), feature.shape(samples), len(labels))
    front_end = FrontEnd(feature, data.device, package=registry.package_of(feature))
    added = tuple(registry.augmentation(config) for config in parse_chain(spec.training.augmentations))
    return TrialSetup(spec, data, front_end, to_device(network, data.device), added)


def compile_steps(setup: TrialSetup, compiler: Compiler) -> TrialSetup:
    """The set-up with code that is compiled for full batches; unchanged, with a warning of the compiler's, if that fails."""
    settings = setup.spec.training
    if settings.lengths == "own":  # every batch has another shape
        compiler.cannot("clips that keep their lengths (lengths=own) make no two batches alike")
        return setup
    examples = examples_per_pass(setup.training_clips(), settings, sample_rate=setup.sample_rate)
    fullest = batch_sizes(examples, settings.batch_size)[0]
    shape = (fullest, *setup.front_end.feature.shape(setup.samples))
    try:
        forward = compiler.compile(setup.network, shape, configuration=setup.spec.configuration())
    except TimedOut:
        raise
    except Exception as error:  # the compiler's, or of what it has to do with: the network runs without it
        compiler.cannot(error)
        return setup
    return replace(setup, forward=forward)
