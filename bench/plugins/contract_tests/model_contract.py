"""The contract of a model: which shapes it takes, and that its network gives logits, learns, and depends on nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.plugins.contract_tests.declaration import check_build_keeps, check_declaration, configurations
from bench.plugins.contract_tests.one_device import check_one_device, device_complaint
from bench.plugins.contract_tests.requirements import CHECK_SEED, generators_left_alone, require, size
from bench.plugins.contracts import Infeasible, Model
from bench.plugins.faults import fault
from bench.plugins.networks import NotLogits, build_network, logits_of

if TYPE_CHECKING:
    from torch import Tensor, nn

SHAPES = ((13, 49), (64, 101), (40, 101), (128, 44), (2, 257, 101), (16000,))
"""Shapes that features commonly give; a model must take at least one of them."""
SHORTEST_SHAPES = ((1, 1), (3, 1), (1, 5), (1,))
"""Shapes of clips of hardly any length, which a model takes or refuses by Infeasible."""
CLASSES = 7


def check_model(model: type[Model]) -> None:
    """Checks a model's declaration and its networks.

    Common shapes are taken, or refused by Infeasible alone, also on the meta device. For the defaults: logits, gradients,
    determinism, independence of the batch when evaluated, silence, weights that load again, one device. Where it takes
    clips of any length, what pads a short clip changes nothing, for range ends and random combinations too.

    Args:
        model: The model's class.

    Raises:
        AssertionError: It breaks its contract, in one line.
    """
    check_declaration(model)
    default = model()
    taken = [shape for shape in SHAPES if takes(default, shape)]
    require(bool(taken), f"takes none of the common shapes {', '.join(map(str, SHAPES))}")
    for shape in SHORTEST_SHAPES:
        takes(default, shape)
    for config in configurations(model):
        takes(config, taken[0], device="cpu")
        if model.any_length:
            _check_any_length(config, taken[0])
    with generators_left_alone("it"):
        _check_network(default, taken[0])


def takes(config: Model, shape: tuple[int, ...], *, device: str = "meta") -> bool:
    """Whether the model takes that shape, by a forward pass; False where it refuses by Infeasible.

    The meta device costs no memory, but takes recurrent layers step by step in Python.

    Args:
        config: The model.
        shape: Shape of one clip's features.
        device: `meta` or `cpu`.

    Raises:
        AssertionError: If it raises anything else, or gives no logits.
    """
    import torch

    before = config.model_dump()
    try:
        with torch.device(device), torch.no_grad(), torch.random.fork_rng(devices=[]):
            answer = build_network(config, shape, CLASSES)(torch.zeros(2, *shape))
            logits_of(answer, clips=2, classes=CLASSES)
    except Infeasible as refusal:
        require(bool(str(refusal)), f"refuses the shape {list(shape)} without a reason: Infeasible needs one line")
        return False
    except NotLogits as complaint:
        raise AssertionError(f"{complaint} (for the input shape {list(shape)})") from None
    except Exception as error:
        raise AssertionError(
            device_complaint(error)
            or f"shape {list(shape)} raises {fault(error)}: raise Infeasible where a shape cannot be taken"
        ) from error
    check_build_keeps(config, before)
    return True


def _check_network(config: Model, shape: tuple[int, ...]) -> None:
    import torch

    first, again = _seeded(config, shape), _seeded(config, shape)
    inputs = torch.randn(6, *shape)
    before = inputs.clone()
    for name, weights in first.state_dict().items():
        require(torch.equal(weights, again.state_dict()[name]), f"weights {name!r} differ for the same seed")
    _check_gradients(first, inputs)
    again.load_state_dict(first.state_dict())
    first.eval(), again.eval()
    with torch.no_grad():
        logits, reloaded = first(inputs), again(inputs)
        require(torch.equal(before, inputs), "changes the features that it is given, in place: work on a copy")
        _check_logits(logits)
        require(
            torch.equal(logits, first(inputs)),
            "when evaluated, the same clips give other logits the second time: no dropout but in training, and no state",
        )
        require(torch.equal(logits, reloaded), "the same weights, loaded again, give other logits")
        alone = torch.cat([_alone(first, clip) for clip in inputs.unbind()])
        silence = first(torch.zeros(2, *shape))
    require(
        torch.allclose(logits, alone, rtol=1e-3, atol=1e-3 * size(logits)),
        "when evaluated, a clip's logits depend on the rest of its batch",
    )
    require(
        bool(silence.isfinite().all()), "gives NaN or infinity where all features are the same, as those of silence"
    )
    check_one_device(first, inputs)
    if config.any_length:
        check_one_device(first, inputs, torch.full((len(inputs),), shape[-1]))


def _check_logits(logits: Tensor) -> None:
    import torch

    require(logits.dtype == torch.float32, f"logits are {logits.dtype}, not torch.float32")
    require(bool(logits.isfinite().all()), "logits are not all finite numbers")
    lowest, highest = float(logits.min()), float(logits.max())
    sums = logits.exp().sum(dim=1), logits.sum(dim=1)
    certain = any(torch.allclose(total, torch.ones_like(total), atol=1e-5) for total in sums)
    require(
        not certain and not (lowest > 0 and highest < 1),
        "outputs are probabilities or their logarithms: return logits, the loss takes the softmax",
    )
    require(
        not (lowest == 0 and highest > 0),
        "outputs are never below 0, as after a ReLU: return logits, with nothing behind the last layer",
    )


def _alone(network: nn.Module, clip: Tensor) -> Tensor:
    """Logits of a batch of one clip."""
    try:
        return logits_of(network(clip[None]), clips=1, classes=CLASSES)
    except NotLogits as complaint:
        raise AssertionError(f"{complaint} (for a batch of one clip; squeeze() takes that dimension, too)") from None
    except Exception as error:
        raise AssertionError(f"raises {fault(error)} for a batch of one clip when evaluated") from error


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
                f"{fault(error)} {where}: the call is module(features, lengths=None)"
            ) from error
    require(
        torch.allclose(together, alone, rtol=1e-4, atol=1e-4 * size(together)),
        f"the zeros that pad a clip on the left change its logits, {where}: keep layers from what is not the clip's own",
    )


def _seeded(config: Model, shape: tuple[int, ...]) -> nn.Module:
    import torch

    torch.manual_seed(CHECK_SEED)
    return build_network(config, shape, CLASSES)


def _check_gradients(network: nn.Module, inputs: Tensor, *lengths: Tensor) -> None:
    import torch
    from torch.nn.functional import cross_entropy

    weights = [(name, weight) for name, weight in network.named_parameters() if weight.requires_grad]
    require(bool(weights), "has no trainable parameters")
    try:
        logits = network.train()(inputs, *lengths)
    except Exception as error:
        if lengths:
            raise
        raise AssertionError(device_complaint(error) or f"raises {fault(error)} in training") from error
    loss = cross_entropy(logits, torch.arange(len(inputs)) % CLASSES)
    require(
        loss.requires_grad, "no gradient reaches any weight: forward() detaches what it computes, or is under no_grad"
    )
    loss.backward()  # type: ignore[no-untyped-call]
    unreached = [name for name, weight in weights if weight.grad is None]
    require(not unreached, f"no gradient reaches {', '.join(unreached)}")
    network.zero_grad()
