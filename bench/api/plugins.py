"""The installed plugins, and the classes of a calling script beside them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from pydantic import BaseModel

from bench.errors import BenchError
from bench.markdown import first_sentence
from bench.options import RunOptions
from bench.plugins import Dataset, Feature, Model
from bench.plugins.annotations import search_ranges
from bench.plugins.contracts import Plugin
from bench.plugins.hookspecs import CONTRACTS
from bench.plugins.registry import Registry, installed

if TYPE_CHECKING:
    import pandas as pd

PLUGIN_KINDS = tuple(CONTRACTS)


def list_plugins() -> pd.DataFrame:
    """All installed plugins as a table.

    Returns:
        One row a plugin, with the columns `kind` (dataset, feature, model, ...), `name`, `summary`, `package` and
        `version`.
    """
    import pandas as pd

    registry = installed()
    rows = [
        (kind, name, summary(registry, kind, name), package.distribution, package.version)
        for (kind, name), package in sorted(
            registry.origins.items(), key=lambda item: (PLUGIN_KINDS.index(item[0][0]), item[0][1])
        )
    ]
    return pd.DataFrame(rows, columns=["kind", "name", "summary", "package", "version"])


def summary(registry: Registry, kind: str, name: str) -> str:
    """The first sentence of what a plugin says of itself."""
    plugin = getattr(registry, f"{kind}s")[name]
    return first_sentence((plugin.__doc__ if isinstance(plugin, type) else plugin.summary) or "")


OPTION_COLUMNS = ("option", "type", "default", "searched", "meaning")


def option_rows(plugin: type[BaseModel]) -> list[tuple[str, ...]]:
    """The options of a plugin by its declaration, a row each, in the order of `OPTION_COLUMNS`."""
    ranges = search_ranges(plugin)
    return [
        (
            name,
            _type_name(field.annotation),
            "required" if field.is_required() else str(field.default),
            str(ranges[name]) if name in ranges else "",
            " ".join((field.description or "").split()),
        )
        for name, field in plugin.model_fields.items()
    ]


def _type_name(annotation: Any) -> str:
    """`int | None`, or the values of a Literal."""
    if get_origin(annotation) is Literal:
        return " | ".join(str(value) for value in get_args(annotation))
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")


def with_classes(plugins: Iterable[type[Plugin]]) -> Registry:
    """The installed plugins and these classes.

    Raises:
        BenchError: If one is no plugin class, or has a name that is taken.
    """
    given = [plugin for plugin in dict.fromkeys(plugins) if not _is_installed(plugin)]
    for plugin in given:
        if not (isinstance(plugin, type) and issubclass(plugin, Dataset | Feature | Model)):
            raise BenchError(
                f"{plugin!r} is no class of a data set, feature or model: derive it from one of bench.plugins"
            )
    return installed().extended(
        datasets=[plugin for plugin in given if issubclass(plugin, Dataset)],
        features=[plugin for plugin in given if issubclass(plugin, Feature)],
        models=[plugin for plugin in given if issubclass(plugin, Model)],
    )


def with_plugin_objects(options: RunOptions) -> tuple[RunOptions, Registry]:
    """Options that name every plugin, and the registry that has them all.

    Classes and instances among the models and features become names; what an instance sets becomes a setting.

    Raises:
        BenchError: If a class has a name that is taken, or a setting is given twice with different values.
    """
    settings: dict[str, Any] = {}
    classes: list[type[Plugin]] = []
    for kind, chosen in (("feature", options.features), ("model", options.models)):
        for plugin in chosen:
            if isinstance(plugin, Plugin) and hasattr(plugin, "name"):
                fields = plugin.model_dump(mode="json", include=plugin.model_fields_set)
                settings |= {f"{kind}.{plugin.name}.{field}": value for field, value in fields.items()}
            if not isinstance(plugin, str):
                classes.append(plugin if isinstance(plugin, type) else type(plugin))
    registry = with_classes(classes)  # raises if one of them has no name
    names = {
        f"{kind}s": tuple(plugin if isinstance(plugin, str) else plugin.name for plugin in chosen)
        for kind, chosen in (("feature", options.features), ("model", options.models))
    }
    for setting, value in settings.items():
        if options.settings.get(setting, value) != value:
            raise BenchError(
                f"{setting} is {value!r} by an instance and {options.settings[setting]!r} by settings: give one"
            )
    changes = {**names, "settings": {**settings, **options.settings}} if classes else {}
    return options.model_copy(update=changes), registry


def _is_installed(plugin: type[Plugin]) -> bool:
    registry = installed()
    return any(plugin in known.values() for known in (registry.datasets, registry.features, registry.models))
