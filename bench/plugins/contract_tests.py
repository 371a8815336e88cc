"""Contract tests for plugin authors: does a plugin keep what `bench.plugins.contracts` promises to everybody else?

Call them from pytest, or all at once by `bench check`:

    from bench.plugins.contract_tests import check_feature
    def test_my_feature() -> None:
        check_feature(MyFeature)

Each raises AssertionError with one line that says what is broken; what the plugin itself raises passes through.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from bench.plugins.annotations import Choice, Int, Range, Scalar, search_ranges
from bench.plugins.contracts import SPLITS, Dataset, Feature, Infeasible, Model, Plugin, Recipe
from bench.plugins.networks import NotLogits, build_network, logits_of
from bench.plugins.splits import divided

if TYPE_CHECKING:
    from torch import Tensor, nn

    from bench.plugins.registry import Registry

AnyPlugin = TypeVar("AnyPlugin", bound=Plugin)

PLAIN_NAME = re.compile(r"[a-z0-9]+([-_.][a-z0-9]+)*")
SHAPES = ((13, 49), (64, 101), (40, 101), (128, 44), (2, 257, 101), (16000,))
"""Shapes that features commonly give; a model must take at least one of them."""
CLASSES = 7
COMBINATIONS = 10
"""Random draws from a plugin's whole search space."""


def check_declaration(plugin: type[Plugin], *, options: Mapping[str, Any] | None = None) -> None:
    """Name, docstrings, frozen fields, JSON, and search ranges that hold the default and are accepted in any combination.

    `options` are values for fields that have no default.
    """
    given = dict(options or {})
    _require(
        PLAIN_NAME.fullmatch(plugin.name) is not None,
        f"name {plugin.name!r} is not lower-case words joined by hyphens",
    )
    _require(bool((plugin.__dict__.get("__doc__") or "").strip()), f"{plugin.__name__} has no docstring")
    for name, field in plugin.model_fields.items():
        _require(bool(field.description), f"option {name!r} has no docstring under it")
    built = plugin(**given)
    _check_frozen(built)
    copy = type(built).model_validate_json(built.model_dump_json())
    _require(
        copy == built, "the configuration does not survive JSON: use numbers, strings, booleans and None as fields"
    )
    for name, known in search_ranges(plugin).items():
        default = getattr(built, name)
        _require(known.contains(default), f"option {name!r}: the default {default!r} is outside the range {known}")
    for _ in configurations(plugin, options=given):
        pass


def check_feature(feature: type[Feature]) -> None:
    """Checks a feature's declaration and its output.

    For defaults, range ends and random combinations: shape, type, finite values, no trainable parameters, the same output
    twice, independence of the rest of the batch. For the defaults also: one device.

    Args:
        feature: The feature's class.

    Raises:
        AssertionError: It breaks its contract, in one line.
    """
    check_declaration(feature)
    for config in configurations(feature):
        _check_feature_output(config)
    config = feature()
    _check_one_device(config.build().eval(), _waveforms(config.sample_rate, clips=2))


def check_model(model: type[Model]) -> None:
    """Checks a model's declaration and its networks.

    Common shapes are taken, or refused by Infeasible alone, also on the meta device. For the defaults: logits, gradients,
    determinism, independence of the batch when evaluated, weights that load again, one device. Where it takes clips of any
    length, what pads a short clip changes nothing, for range ends and random combinations too.

    Args:
        model: The model's class.

    Raises:
        AssertionError: It breaks its contract, in one line.
    """
    check_declaration(model)
    default = model()
    taken = [shape for shape in SHAPES if _takes(default, shape)]
    _require(bool(taken), f"takes none of the common shapes {', '.join(map(str, SHAPES))}")
    for shape in ((1, 1), (3, 1), (1, 5), (1,)):
        _takes(default, shape)
    for config in configurations(model):
        _takes(config, taken[0], device="cpu")
        if model.any_length:
            _check_any_length(config, taken[0])
    _check_network(default, taken[0])


def check_dataset(
    dataset: type[Dataset], *, options: Mapping[str, Any] | None = None, root: Path | None = None
) -> None:
    """The declaration, labels, clip length and folder; given `root`, the folder with the data, also every clip's entry.

    `options` are values for fields that have no default.
    """
    check_declaration(dataset, options=options)
    config = dataset(**(options or {}))
    seconds = config.seconds()
    _require(seconds is None or seconds > 0, f"seconds() is {seconds}, neither None nor above 0")
    if dataset.argument is None:
        _require(bool(dataset.folder), "the class variable `folder` is empty: name the data set's folder")
        sources = (dataset.archive is not None, dataset.prepare is not Dataset.prepare, "://" in dataset.source)
        _require(
            any(sources),
            "has no `archive` to download, no `prepare` that makes its files, and no address in `source` to get it from",
        )
        if (archive := dataset.archive) is not None:
            _require(
                bool(archive.sha256 or archive.files_sha256) or archive.url.startswith("https://"),
                "has an `archive` over plain http without `sha256` or `files_sha256`, which `bench fetch` refuses",
            )
    else:
        _require(dataset.argument in dataset.model_fields, f"argument {dataset.argument!r} is not one of its fields")
    if root is not None or dataset.argument is None:
        labels = config.labels()
        _require(len(labels) > 1, f"has {len(labels)} classes; two are the least")
        _require(len(set(labels)) == len(labels), "labels() names a class twice")
    if root is not None:
        _check_listing(config, root)


def check_recipe(recipe: Recipe, registry: Registry) -> None:
    """That its parts are installed, accept its options and fit together, and that published figures are shares."""
    _require(
        PLAIN_NAME.fullmatch(recipe.name) is not None,
        f"name {recipe.name!r} is not lower-case words joined by hyphens",
    )
    _require(bool(recipe.summary.strip()), "has no summary")
    _require(Recipe.model_validate_json(recipe.model_dump_json()) == recipe, "does not survive JSON")
    for name, figure in recipe.published.items():
        _require(0 <= figure <= 1, f"published {name} is {figure}, not a share from 0 to 1")
    known = [name for name in recipe.datasets if name in registry.datasets]
    _require(bool(known), f"none of its data sets is installed: {', '.join(recipe.datasets)}")
    feature, model = registry.feature(recipe.feature), registry.model(recipe.model)
    official = [registry.datasets[name] for name in known if registry.datasets[name].argument is None]
    for seconds in sorted({dataset().seconds() or 1.0 for dataset in official} or {1.0}):
        shape = feature.shape(round(seconds * feature.sample_rate))
        _require(_takes(model, shape), f"its model cannot take its feature's shape {list(shape)} ({seconds:g} s)")


def configurations(plugin: type[AnyPlugin], *, options: Mapping[str, Any] | None = None) -> Iterator[AnyPlugin]:
    """The defaults, every field at each end of its range (every value of a Choice), and random draws from all ranges.

    Raises AssertionError where the plugin refuses values that lie within its own ranges.
    """
    given = dict(options or {})
    ranges = search_ranges(plugin)
    draws = random.Random(0)
    yield plugin(**given)
    for name, known in ranges.items():
        for value in _ends(known):
            yield _accepted(plugin, {**given, name: value})
    for _ in range(COMBINATIONS if ranges else 0):
        yield _accepted(plugin, {**given, **{name: _draw(known, draws) for name, known in ranges.items()}})


def _accepted(plugin: type[AnyPlugin], options: dict[str, Any]) -> AnyPlugin:
    try:
        return plugin(**options)
    except ValidationError as error:
        complaint = error.errors()[0]["msg"]
        raise AssertionError(f"refuses values within its own search ranges, {options}: {complaint}") from None


def _ends(known: Range) -> tuple[Scalar, ...]:
    return known.values if isinstance(known, Choice) else (known.low, known.high)


def _draw(known: Range, draws: random.Random) -> Scalar:
    if isinstance(known, Choice):
        return draws.choice(known.values)
    if isinstance(known, Int):
        return draws.randrange(known.low, known.high + 1, known.step)
    return draws.uniform(known.low, known.high)


def _check_frozen(built: Plugin) -> None:
    for name in type(built).model_fields:
        try:
            setattr(built, name, getattr(built, name))
        except ValidationError:
            continue
        raise AssertionError(f"option {name!r} can be changed after building: keep model_config frozen")


def _check_feature_output(config: Feature) -> None:
    """Shape, type and finite values for noise, silence and a square wave at full scale, down to one sample."""
    import torch

    module = config.build().eval()
    trainable = [name for name, weight in module.named_parameters() if weight.requires_grad]
    _require(not trainable, f"has trainable parameters: {', '.join(trainable)}; a front end that learns is a model")
    for samples in (1, config.sample_rate // 7, config.sample_rate):
        waveforms = _waveforms(samples, clips=3)
        with torch.no_grad():
            output = module(waveforms)
        promised = (len(waveforms), *config.shape(samples))
        where = f"at {samples} samples with {config.model_dump()}"
        _require(tuple(output.shape) == promised, f"gives {tuple(output.shape)}, shape() says {promised}, {where}")
        _require(output.dtype == torch.float32, f"gives {output.dtype}, not torch.float32, {where}")
        _require(bool(output.isfinite().all()), f"gives NaN or infinity for silence, noise or a square wave, {where}")
    waveforms = _waveforms(config.sample_rate // 7, clips=5)
    with torch.no_grad():
        together = module(waveforms)
        again = module(waveforms)
        alone = torch.cat([module(clip[None]) for clip in waveforms.unbind()])
    where = f"with {config.model_dump()}"
    _require(torch.equal(together, again), f"the same waveforms give another output the second time, {where}")
    _require(
        torch.allclose(together, alone, rtol=1e-4, atol=1e-4 * _size(together)),
        f"a clip's output depends on the rest of its batch: take means and maxima over each clip, {where}",
    )


def _waveforms(samples: int, *, clips: int) -> Tensor:
    """Silence, a square wave at full scale, then noise ever louder: [clips, samples]."""
    import torch

    generator = torch.Generator().manual_seed(0)
    loudness = torch.logspace(-3, -1, clips)[:, None]
    waveforms = torch.randn(clips, samples, generator=generator) * loudness
    waveforms[0] = 0.0
    waveforms[1] = 1.0 - 2.0 * ((torch.arange(samples) // 20) % 2)
    return waveforms.clamp(-1.0, 1.0)


def _takes(config: Model, shape: tuple[int, ...], *, device: str = "meta") -> bool:
    """Whether the model takes that shape, by a forward pass; False where it refuses by Infeasible.

    The meta device costs no memory, but takes recurrent layers step by step in Python.
    """
    import torch

    try:
        with torch.device(device), torch.no_grad(), torch.random.fork_rng(devices=[]):
            answer = build_network(config, shape, CLASSES)(torch.zeros(2, *shape))
            logits_of(answer, clips=2, classes=CLASSES)
    except Infeasible as refusal:
        _require(bool(str(refusal)), f"refuses the shape {list(shape)} without a reason: Infeasible needs one line")
        return False
    except NotLogits as complaint:
        raise AssertionError(f"{complaint} (for the input shape {list(shape)})") from None
    except Exception as error:
        raise AssertionError(
            f"shape {list(shape)} raises {type(error).__name__} ({error}): raise Infeasible where a shape cannot be taken"
        ) from error
    return True


def _check_network(config: Model, shape: tuple[int, ...]) -> None:
    import torch

    with torch.random.fork_rng(devices=[]):
        first, again = _seeded(config, shape), _seeded(config, shape)
        inputs = torch.randn(6, *shape)
        for name, weights in first.state_dict().items():
            _require(torch.equal(weights, again.state_dict()[name]), f"weights {name!r} differ for the same seed")
        _check_gradients(first, inputs)
        again.load_state_dict(first.state_dict())
        first.eval(), again.eval()
        with torch.no_grad():
            logits, reloaded = first(inputs), again(inputs)
            alone = torch.cat([first(clip[None]) for clip in inputs.unbind()])
    _require(logits.dtype == torch.float32 and bool(logits.isfinite().all()), "logits are not finite float32 numbers")
    sums = logits.exp().sum(dim=1), logits.sum(dim=1)
    _require(
        not any(torch.allclose(total, torch.ones_like(total), atol=1e-5) for total in sums),
        "outputs are probabilities or their logarithms: return logits, the loss takes the softmax",
    )
    _require(torch.equal(logits, reloaded), "the same weights, loaded again, give other logits")
    _require(
        torch.allclose(logits, alone, rtol=1e-3, atol=1e-3 * _size(logits)),
        "when evaluated, a clip's logits depend on the rest of its batch",
    )
    _check_one_device(first, inputs)
    if config.any_length:
        _check_one_device(first, inputs, torch.full((len(inputs),), shape[-1]))


def _check_any_length(config: Model, shape: tuple[int, ...]) -> None:
    """Checks that clips of unequal length, padded with zeros on the left, train, and are predicted as each is alone.

    Training first moves what zeros would leave at zero (biases, running means), which hides what is not masked.
    """
    import torch

    frames = shape[-1]
    lengths = torch.tensor([frames, max(1, frames - 1), max(1, frames // 2), 1])
    where = f"at {list(shape)} with {config.model_dump()}"
    with torch.random.fork_rng(devices=[]):
        network, inputs = _seeded(config, shape), torch.randn(len(lengths), *shape)
        for clip, length in zip(inputs, lengths.tolist(), strict=True):
            clip[..., : frames - length] = 0.0
        try:
            _check_gradients(network, inputs, lengths)
            with torch.no_grad():
                for weights in network.parameters():
                    if weights.ndim == 1:
                        weights.add_(torch.randn(weights.shape), alpha=0.1)
                network.eval()
                together = network(inputs, lengths)
                pairs = zip(inputs, lengths.tolist(), strict=True)
                alone = torch.cat([network(clip[None, ..., frames - length :]) for clip, length in pairs])
        except AssertionError:
            raise
        except Exception as error:
            raise AssertionError(
                f"any_length is set, but clips of {', '.join(map(str, lengths.tolist()))} frames raise "
                f"{type(error).__name__} ({error}), {where}: the call is module(features, lengths=None)"
            ) from error
    _require(
        torch.allclose(together, alone, rtol=1e-4, atol=1e-4 * _size(together)),
        f"the zeros that pad a clip on the left change its logits, {where}: keep layers from what is not the clip's own",
    )


def _seeded(config: Model, shape: tuple[int, ...]) -> nn.Module:
    import torch

    torch.manual_seed(0)
    return build_network(config, shape, CLASSES)


def _check_gradients(network: nn.Module, inputs: Tensor, *lengths: Tensor) -> None:
    import torch
    from torch.nn.functional import cross_entropy

    loss = cross_entropy(network.train()(inputs, *lengths), torch.arange(len(inputs)) % CLASSES)
    loss.backward()  # type: ignore[no-untyped-call]
    unreached = [name for name, weight in network.named_parameters() if weight.requires_grad and weight.grad is None]
    _require(not unreached, f"no gradient reaches {', '.join(unreached)}")
    network.zero_grad()


def _check_one_device(module: nn.Module, *inputs: Tensor) -> None:
    """That all tensors of a forward pass move with the module, as they must on a GPU: here the meta device stands for one.

    A pass that reads values (`item`, `nonzero`), which the meta device does not have, is checked up to there. Changes the
    module.
    """
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    aten = torch.ops.aten
    moves = (aten.copy_, aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_)  # between devices rightly

    class OneDevice(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor) and leaf.ndim]
            if len({tensor.device for tensor in tensors}) > 1 and func.overloadpacket not in moves:
                raise _TwoDevices(f"in {func.overloadpacket}")
            return func(*args, **(kwargs or {}))

    try:
        with OneDevice(), torch.no_grad():  # type: ignore[no-untyped-call]
            module.to("meta")(*(tensor.to("meta") for tensor in inputs))
    except Exception as error:
        complaint = str(error)
        two = isinstance(error, _TwoDevices) or ("cpu" in complaint and "meta" in complaint)
        _require(
            not two,
            f"a tensor stays on the CPU when the module moves to a device ({complaint}): keep it by register_buffer, "
            "or make it on the device of the input",
        )


class _TwoDevices(Exception):
    """An operation met tensors of two devices."""


def _check_listing(config: Dataset, root: Path) -> None:
    listing = config.clips(root)
    _require(config.clips(root) == listing, "clips() gives another listing the second time: sort what you read")
    _require(bool(listing.clips), f"clips() found nothing in {root}")
    labels = set(config.labels())
    for clip in listing.clips:
        _require(clip.label in labels, f"clip {clip.id} has the label {clip.label!r}, which labels() does not name")
        _require(clip.split in SPLITS, f"clip {clip.id} is in the split {clip.split!r}, not one of {', '.join(SPLITS)}")
        relative = "\\" not in clip.path and not Path(clip.path).is_absolute() and ".." not in Path(clip.path).parts
        _require(relative, f"path {clip.path!r} is not relative to the data set's folder, with forward slashes")
        _require(clip.silent or (root / clip.path).is_file(), f"clip {clip.id} has no file in {root}")
        _require(clip.end is None or clip.end > clip.start >= 0, f"clip {clip.id} ends before it starts")
    ids = [clip.id for clip in listing.clips]
    _require(len(set(ids)) == len(ids), "two clips have the same path and stretch")
    present = {(clip.split, clip.label) for clip in divided(listing)}
    for split, label in product(SPLITS, config.labels()):
        _require((split, label) in present, f"the {split} split has no clip of class {label!r}")


def _size(values: Tensor) -> float:
    """The largest magnitude, and at least 1: what tolerances are relative to."""
    return max(1.0, float(values.abs().max()))


def _require(condition: bool, complaint: str) -> None:
    if not condition:
        raise AssertionError(complaint)
