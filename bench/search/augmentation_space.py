"""Augmentations of plugins in a search: which are chosen is one parameter, and how strong they are is one for each option.

`training.augmentations` names them: one text, or a list of texts of which the search chooses one. Options that a text gives
are fixed, and all others are searched over their ranges as `augmentation.mixup.alpha`. What a trial runs is a text with all
options.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.errors import BenchError
from bench.plugins import Augmentation, PluginConfig
from bench.plugins.plugin_config import parse_chain, write_chain
from bench.plugins.registry import Registry

CHOSEN = "training.augmentations"
"""Parameter of which augmentations are made."""


@dataclass(frozen=True)
class AugmentationSpace:
    """The augmentations that a search chooses from.

    Attributes:
        choices: Texts that may be chosen.
        classes: Classes of all that they name, by name.
    """

    choices: tuple[str, ...] = ()
    classes: Mapping[str, type[Augmentation]] = field(default_factory=dict)

    @classmethod
    def of(cls, registry: Registry, texts: Iterable[str], *, also: Iterable[str] = ()) -> AugmentationSpace:
        """The space of these texts; `also` are those of recipes, which are tried as they are.

        Raises:
            BenchError: A text is none of augmentations, or names one or an option that there is not.
        """
        choices = tuple(dict.fromkeys(texts))
        classes: dict[str, type[Augmentation]] = {}
        for text in (*choices, *also):
            for config in _parsed(text):
                registry.augmentation(config)  # raises if the name or an option is wrong
                classes[config.name] = registry.augmentations[config.name]
        return cls(choices, classes)

    def owners(self) -> dict[str, type[Augmentation]]:
        """The class behind every prefix of parameter names."""
        return {_prefix(name): plugin for name, plugin in self.classes.items()}

    def given(self) -> frozenset[str]:
        """Parameters that a text gives, so that they are not searched."""
        configs = [config for text in self.choices for config in parse_chain(text)]
        return frozenset(_prefix(config.name) + option for config in configs for option in config.options)

    def prefixes(self, text: str) -> tuple[str, ...]:
        """Prefixes of the parameters of what a text names."""
        return tuple(_prefix(config.name) for config in parse_chain(text))

    def parameters(self, text: str) -> dict[str, Any]:
        """The parameters of a text with all options: the choice that it came from, and every option."""
        chain = parse_chain(text)
        values: dict[str, Any] = {CHOSEN: next((choice for choice in self.choices if _fits(choice, chain)), text)}
        for config in chain:
            values |= {_prefix(config.name) + option: value for option, value in config.options.items()}
        return values

    def defaults(self, text: str) -> dict[str, Any]:
        """The parameters of a text as it is where nothing is searched."""
        return self.parameters(self.text({CHOSEN: text}))

    def text(self, values: Mapping[str, Any]) -> str:
        """The text of the chosen augmentations with all their options: those of the choice, of `values`, or defaults."""
        return write_chain(self._whole(config, values) for config in parse_chain(values.get(CHOSEN, "")))

    def _whole(self, config: PluginConfig, values: Mapping[str, Any]) -> PluginConfig:
        prefix = _prefix(config.name)
        plugin = self.classes[config.name]
        searched = {name: values[prefix + name] for name in plugin.model_fields if prefix + name in values}
        return plugin(**{**searched, **config.options}).config()


def _prefix(name: str) -> str:
    return f"augmentation.{name}."


def _parsed(text: str) -> tuple[PluginConfig, ...]:
    try:
        return parse_chain(text)
    except ValueError as error:
        raise BenchError(f"{CHOSEN}: {error}") from None


def _fits(choice: str, chain: tuple[PluginConfig, ...]) -> bool:
    """Whether a choice names what the chain does, with the options that it gives."""
    configs = parse_chain(choice)
    return [config.name for config in configs] == [config.name for config in chain] and all(
        config.options.items() <= whole.options.items() for config, whole in zip(configs, chain, strict=True)
    )
