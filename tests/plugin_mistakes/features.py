"""Mistakes of front ends."""

from __future__ import annotations

from plugin_mistakes.sources import Mistake, feature

FEATURES = (
    Mistake(
        "wrong-frames",
        "shape() counts one frame too few",
        "gives (3, 1, 2), shape() says (3, 1, 1)",
        feature(
            "wrong-frames",
            "return torch.nn.functional.pad(waveforms, (0, 160)).unfold(1, 1, 160).transpose(1, 2)",
            shape="(1, max(1, samples // 160))",
        ),
    ),
    Mistake(
        "in-float64", "The output is float64", "gives torch.float64", feature("in-float64", "return waveforms.double()")
    ),
    Mistake(
        "log-of-silence",
        "Silence becomes minus infinity",
        "gives NaN or infinity for silence",
        feature("log-of-silence", "return waveforms.abs().log()"),
    ),
    Mistake(
        "over-the-batch",
        "The maximum is taken over the batch",
        "a clip's output depends on the rest of its batch",
        feature("over-the-batch", "return waveforms - waveforms.amax()"),
    ),
    Mistake(
        "draws",
        "The module adds noise",
        "the same waveforms give another output the second time",
        feature("draws", "return waveforms + torch.rand_like(waveforms)"),
    ),
    Mistake(
        "remembers",
        "The module keeps a state between calls",
        "the same waveforms give another output the second time",
        feature("remembers", "self.calls += 1\nreturn waveforms * self.calls", init="self.calls = 0"),
    ),
    Mistake(
        "random-filters",
        "Filters are drawn anew in every build",
        "a module built again gives another output",
        feature("random-filters", "return waveforms * self.gain", init="self.register_buffer('gain', torch.rand(1))"),
    ),
    Mistake(
        "numpy-draws",
        "Noise comes from NumPy's global generator",
        "uses the global generator of random or NumPy",
        feature("numpy-draws", "import numpy\nnumpy.random.seed(0)\nreturn waveforms * float(numpy.random.rand())"),
    ),
    Mistake(
        "in-place",
        "The waveforms are changed in place",
        "changes the waveforms that it is given, in place",
        feature("in-place", "return waveforms.mul_(0.5)"),
    ),
    Mistake(
        "front-end-learns",
        "The front end has weights",
        "has trainable parameters: gain",
        feature("front-end-learns", "return waveforms * self.gain", init="self.gain = nn.Parameter(torch.ones(1))"),
    ),
    Mistake(
        "reflects",
        "Reflect padding of a clip that is shorter",
        "its reflect padding takes more samples than the clip has, at 1 sample",
        feature(
            "reflects",
            "return torch.nn.functional.pad(waveforms[:, None], (200, 200), mode='reflect')[:, 0]",
            shape="(samples + 400,)",
        ),
    ),
    Mistake(
        "through-numpy",
        "The module computes with NumPy",
        "takes tensors off their device",
        feature("through-numpy", "return torch.from_numpy(waveforms.cpu().numpy() * 2)"),
    ),
    Mistake(
        "left-behind",
        "A window is no buffer",
        "a tensor stays on the CPU when the module moves to a device (left_behind.py:",
        feature("left-behind", "return waveforms * self.window", init="self.window = torch.ones(1)"),
    ),
    Mistake(
        "to-the-cpu",
        "The module moves its output to the CPU",
        "takes tensors off their device (to_the_cpu.py:",
        feature("to-the-cpu", "return waveforms.to('cpu') * 2"),
    ),
)
