"""Mistakes of data sets and recipes."""

from __future__ import annotations

from plugin_mistakes.sources import Mistake, dataset, recipe

DATASETS = (
    Mistake(
        "label-twice",
        "A class is named twice",
        "labels() names a class twice: b",
        dataset("label-twice", labels="('a', 'b', 'b')"),
    ),
    Mistake(
        "label-set",
        "labels() gives a set",
        "labels() gives a set, not a tuple of strings",
        dataset("label-set", labels="{'a', 'b'}"),
    ),
    Mistake(
        "unknown-label",
        "A clip has another label",
        "has the label 'c', which labels() does not name",
        dataset("unknown-label", clips="Listing((*CLIPS, Clip('train-a.wav', 'c', 'train', start=1.0)))"),
    ),
    Mistake(
        "no-test-split",
        "A split has no clips",
        "the test split has no clip of class 'a'",
        dataset("no-test-split", clips="Listing(tuple(CLIPS[:4]))"),
    ),
    Mistake(
        "a-dev-split",
        "A split is called dev",
        "is in the split 'dev', not one of train, validation, test",
        dataset("a-dev-split", clips="Listing((*CLIPS, Clip('train-a.wav', 'a', 'dev', start=1.0)))"),
    ),
    Mistake(
        "overlapping",
        "One stretch is in two splits",
        "and they overlap",
        dataset("overlapping", clips="Listing((*CLIPS, Clip('train-a.wav', 'a', 'test', start=0.5, end=1.5)))"),
    ),
    Mistake(
        "listed-twice",
        "A clip is listed twice",
        "two clips have the same path and stretch: train-a.wav",
        dataset("listed-twice", clips="Listing((*CLIPS, CLIPS[0]))"),
    ),
    Mistake(
        "absolute-path",
        "A path is absolute",
        "is not relative to the data set's folder",
        dataset("absolute-path", clips="Listing((Clip(str(root / 'train-a.wav'), 'a', 'train'),))"),
    ),
    Mistake(
        "missing-file",
        "A file is not there",
        "clip gone.wav has no file in",
        dataset("missing-file", clips="Listing((*CLIPS, Clip('gone.wav', 'a', 'train')))"),
    ),
    Mistake(
        "unsorted",
        "The order changes",
        "clips() gives another listing the second time",
        dataset("unsorted", clips="Listing(tuple(__import__('random').sample(CLIPS, len(CLIPS))))"),
    ),
    Mistake(
        "no-listing",
        "clips() gives a list",
        "clips() gives a list, not a Listing",
        dataset("no-listing", clips="CLIPS"),
    ),
    Mistake(
        "no-checksum",
        "The archive has no checksum",
        "has an `archive` without a checksum",
        dataset("no-checksum", more="archive: ClassVar = Archive('https://example.org/a.zip', None, 100)\n"),
    ),
    Mistake(
        "no-origin",
        "Nothing says where the files come from",
        "no address in `source` to get it from",
        dataset("no-origin", source="'our own'"),
    ),
    Mistake(
        "own-machine",
        "The folder is one machine's",
        "is a path of one machine",
        dataset("own-machine").replace("'tiny'\n", "'/data/tiny'\n", 1),
    ),
    Mistake(
        "unknown-part",
        "A part is not installed",
        "unknown model 'cn': did you mean cnn",
        recipe("unknown-part", "model=PluginConfig(name='cn')"),
    ),
    Mistake(
        "parts-misfit",
        "Feature and model do not fit",
        "its model cannot take its feature's shape",
        recipe("parts-misfit", "feature=PluginConfig(name='waveform')"),
    ),
    Mistake(
        "in-percent",
        "A published figure is in percent",
        "published test_accuracy is 84.3, not a share from 0 to 1",
        recipe("in-percent", "published={'test_accuracy': 84.3}"),
    ),
)
