"""The decoded data that one specification runs on."""

from __future__ import annotations

from bench.data.preparation import prepare
from bench.data.prepared import PreparedData
from bench.files import cache_directory, data_directory, give_libraries_a_cache
from bench.options import RunOptions
from bench.plugins import PluginConfig
from bench.plugins.registry import Registry
from bench.search.callback import StudyCallback
from bench.trial import TrialSpec
from bench.trial.short_clips import short_clip_notes


def prepare_for(
    spec: TrialSpec, dataset: PluginConfig, options: RunOptions, *, registry: Registry, callback: StudyCallback
) -> PreparedData:
    """Decodes what is not decoded yet, and notes clips that are shorter than the network's input.

    Args:
        spec: The specification.
        dataset: Its data set, with the path of its files.
        options: Of them the folders, and the share of clips that may be unusable.
        registry: The plugins.
        callback: Told how far the decoding is.

    Raises:
        BenchError: If the data set cannot be used.
    """
    give_libraries_a_cache()
    rate = registry.feature(spec.feature).sample_rate
    data = prepare(
        registry.dataset(dataset),
        data_dir=data_directory(options.data_dir),
        cache_dir=cache_directory(),
        sample_rates=[rate],
        protocol=spec.protocol,
        max_unusable=options.max_unusable,
        progress=callback.preparing,
    )
    return data.model_copy(update={"notes": (*data.notes, *short_clip_notes(spec, data, registry=registry))})
