"""The code of a specification's plugins: what it is now, and whether it is still what was measured."""

from __future__ import annotations

from collections.abc import Iterable

from bench.errors import BenchError
from bench.plugins.registry import Registry
from bench.plugins.source_code import is_by_value
from bench.trial.trial_records import TrialSpec


def with_code(spec: TrialSpec, registry: Registry) -> TrialSpec:
    """The specification with the code that its plugins have now.

    Raises:
        BenchError: If a plugin is not installed.
    """
    code = {key: registry.code(kind, name) for key, (kind, name) in spec.training_plugins().items()}
    return spec.model_copy(update={"code": code})


def changed_plugins(specs: Iterable[TrialSpec], registry: Registry) -> tuple[str, ...]:
    """Plugins, as `model my-net`, whose code is no longer what it was for one of these specifications at least.

    Plugins that are not installed here, and specifications whose code is not known, tell nothing.
    """
    return tuple(dict.fromkeys(f"{kind} {name}" for spec in specs for kind, name in _changed(spec, registry).values()))


def changed_since_last(specs: Iterable[TrialSpec], registry: Registry) -> tuple[str, ...]:
    """As `changed_plugins`, by the last specification of each plugin; they come in the order of their runs."""
    last: dict[str, bool] = {}
    for spec in specs:
        changed = _changed(spec, registry)
        last |= {f"{kind} {name}": key in changed for key, (kind, name) in spec.training_plugins().items()}
    return tuple(plugin for plugin, has_changed in last.items() if has_changed)


def check_code(spec: TrialSpec, registry: Registry) -> None:
    """Checks in a worker that it has the code that the scheduler named.

    Raises:
        BenchError: If a plugin's file was changed since, or another machine has another one.
    """
    for kind, name in _changed(spec, registry).values():
        if not is_by_value(getattr(registry, f"{kind}s")[name]):  # a class of a script is sent with its code
            raise BenchError(
                f"the code of {kind} {name} is not that with which the study goes on: its file was changed meanwhile, or is "
                "another on this machine; stop the study, and resume it with the code that you want"
            )


def _changed(spec: TrialSpec, registry: Registry) -> dict[str, tuple[str, str]]:
    """Kind and name of the plugins, by their key, that are here and have other code than the specification says."""
    return {
        key: (kind, name)
        for key, (kind, name) in spec.training_plugins().items()
        if key in spec.code and not registry.lacks((kind, name)) and registry.code(kind, name) != spec.code[key]
    }
