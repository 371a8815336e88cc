"""The contract of a feature: its module's output is what `shape` says, for any clip, and depends on the clip alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.plugins.contract_tests.declaration import check_build_keeps, check_declaration, configurations
from bench.plugins.contract_tests.one_device import check_one_device, device_complaint
from bench.plugins.contract_tests.requirements import generators_left_alone, require, size
from bench.plugins.contracts import Feature
from bench.plugins.faults import fault

if TYPE_CHECKING:
    from torch import Tensor, nn


def check_feature(feature: type[Feature]) -> None:
    """Checks a feature's declaration and its output.

    For defaults, range ends and random combinations: shape, type, finite values, no trainable parameters, the same output
    twice and from a module built again, independence of the rest of the batch, waveforms left as they were. For the
    defaults also: one device.

    Args:
        feature: The feature's class.

    Raises:
        AssertionError: It breaks its contract, in one line.
    """
    check_declaration(feature)
    for config in configurations(feature):
        _check_output(config)
    config = feature()
    _check_built_again(config)
    check_one_device(config.build().eval(), _waveforms(config.sample_rate, clips=2))


def _check_output(config: Feature) -> None:
    """Shape, type and finite values for noise, silence and a square wave at full scale, down to one sample."""
    import torch

    where = f"with {config.model_dump()}"
    with generators_left_alone("it"):
        module = _module(config)
        trainable = [name for name, weight in module.named_parameters() if weight.requires_grad]
        require(not trainable, f"has trainable parameters: {', '.join(trainable)}; a front end that learns is a model")
        for samples in (1, config.sample_rate // 7, config.sample_rate):
            _check_length(config, module, samples)
        waveforms = _waveforms(config.sample_rate // 7, clips=5)
        together, second = _output(module, waveforms, where), _output(module, waveforms, where)
        alone = torch.cat([_output(module, clip[None], where) for clip in waveforms.unbind()])
    require(torch.equal(together, second), f"the same waveforms give another output the second time, {where}")
    require(
        torch.allclose(together, alone, rtol=1e-4, atol=1e-4 * size(together)),
        f"a clip's output depends on the rest of its batch: take means and maxima over each clip, {where}",
    )


def _check_built_again(config: Feature) -> None:
    import torch

    waveforms = _waveforms(config.sample_rate // 7, clips=2)
    with generators_left_alone("it"):
        once, again = (_output(_module(config), waveforms, "built twice") for _ in range(2))
    require(
        torch.equal(once, again),
        "a module built again gives another output: draw what is random by a generator of its own, with a fixed seed",
    )


def _check_length(config: Feature, module: nn.Module, samples: int) -> None:
    """The output for a batch of clips of one length."""
    import torch

    where = f"at {samples} sample{'s' * (samples > 1)} with {config.model_dump()}"
    waveforms = _waveforms(samples, clips=3)
    output = _output(module, waveforms, where)
    shape = config.shape(samples)
    whole = isinstance(shape, tuple) and all(type(number) is int for number in shape)
    require(whole, f"shape() gives {shape!r}, not a tuple of whole numbers, {where}")
    promised = (len(waveforms), *shape)
    require(tuple(output.shape) == promised, f"gives {tuple(output.shape)}, shape() says {promised}, {where}")
    require(output.dtype == torch.float32, f"gives {output.dtype}, not torch.float32, {where}")
    require(bool(output.isfinite().all()), f"gives NaN or infinity for silence, noise or a square wave, {where}")


def _module(config: Feature) -> nn.Module:
    before = config.model_dump()
    try:
        module = config.build()
    except Exception as error:
        raise AssertionError(device_complaint(error) or f"build() raises {fault(error)}, with {before}") from error
    check_build_keeps(config, before)
    return module.eval()


def _output(module: nn.Module, waveforms: Tensor, where: str) -> Tensor:
    import torch

    before = waveforms.clone()
    try:
        with torch.no_grad():
            output = module(waveforms)
    except Exception as error:
        if "adding size should be less" in str(error):
            raise AssertionError(
                f"its reflect padding takes more samples than the clip has, {where} ({fault(error)}): "
                "pad short clips with zeros first, or pad with zeros alone (pad_mode='constant')"
            ) from error
        short = ": a clip may be as short as one sample, pad it with zeros" if waveforms.shape[1] == 1 else ""
        raise AssertionError(device_complaint(error) or f"raises {fault(error)}, {where}{short}") from error
    require(isinstance(output, torch.Tensor), f"gives a {type(output).__name__}, not one tensor, {where}")
    require(
        torch.equal(before, waveforms), f"changes the waveforms that it is given, in place, {where}: work on a copy"
    )
    tensor: Tensor = output
    return tensor


def _waveforms(samples: int, *, clips: int) -> Tensor:
    """Silence, a square wave at full scale, then noise ever louder: [clips, samples]."""
    import torch

    generator = torch.Generator().manual_seed(0)
    loudness = torch.logspace(-3, -1, clips)[:, None]
    waveforms = torch.randn(clips, samples, generator=generator) * loudness
    waveforms[0] = 0.0
    waveforms[1] = 1.0 - 2.0 * ((torch.arange(samples) // 20) % 2)
    return waveforms.clamp(-1.0, 1.0)
