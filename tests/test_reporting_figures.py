"""Figures: what is computed for them, against signals whose answer is known; and that their labels can be read."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from bench.errors import BenchError
from bench.reporting import figures
from bench.reporting.figures import ExampleClip, FeatureResult, LayerOutput, canvas
from bench.reporting.figures.activations import most_varying
from bench.reporting.figures.canvas import MAX_LABEL_CHARACTERS, label
from bench.reporting.figures.clip_panels import DYNAMIC_RANGE, spectrum
from bench.reporting.figures.confusion import _percent
from bench.reporting.figures.filters import RESPONSE_RANGE, frequency_response
from bench.reporting.figures.image_grid import image_grid
from bench.reporting.figures.lines import MAX_POINTS, thinned
from bench.reporting.numbers import Spread
from bench.trial import Epoch, RangeTest

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Figure]]:
    """The figures that were drawn during a test, laid out as they were saved."""
    saved_figures: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *arguments: object, **options: object) -> None:
        saved_figures.append(figure)
        save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    yield saved_figures


def names(classes: int, *, long: bool = False) -> list[str]:
    """Labels; long ones hold what would be mathematics, a newline, and differ at their ends alone."""
    return [
        f"$a_{{label\n that is far too long to stand beside a figure {n}" if long else f"word{n}"
        for n in range(classes)
    ]


def texts(figure: Figure) -> list[Text]:
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]


def overlapping(figure: Figure, wanted: Callable[[str], bool]) -> list[tuple[str, str]]:
    """Pairs of texts that lie on each other, among those that are wanted."""
    figure.set_layout_engine("none")  # it is laid out
    FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts(figure) if wanted(text.get_text())]
    assert boxes
    return [(a, b) for (a, first), (b, second) in itertools.combinations(boxes, 2) if first.padded(-1).overlaps(second)]


def counts(classes: int) -> np.ndarray:
    random = np.random.default_rng(classes)
    counts = random.integers(0, 9, (classes, classes))
    np.fill_diagonal(counts, 60)
    return counts.astype(np.int64)


def test_long_labels_stay_different() -> None:
    label_text = [label(name) for name in names(35, long=True)]
    assert len(set(label_text)) == 35
    assert max(map(len, label_text)) == MAX_LABEL_CHARACTERS
    assert label("short") == "short"


@pytest.mark.parametrize(("classes", "long"), [(2, False), (2, True), (10, False), (35, True)])
def test_labels_of_the_figures_by_class_do_not_lie_on_each_other(classes: int, long: bool, drawn: list[Figure]) -> None:
    labels = names(classes, long=long)
    supports = {"train": [1200 + n for n in range(classes)], "validation": [3] * classes, "test": [0] * classes}
    random = np.random.default_rng(0)
    clips = np.repeat(np.arange(classes), 3)
    pngs = [
        figures.class_histogram(supports, labels, "all of $them{"),
        figures.confusion_rates(counts(classes), labels, "$title{"),
        figures.alluvial(counts(classes), labels, "$title{"),
        figures.alluvial(counts(classes), labels, "$title{", correct=True),
        figures.pooled_outputs(
            random.normal(size=(len(clips), 300)).astype(np.float32),
            clips,
            random.normal(size=(classes, 300)).astype(np.float32),
            labels,
            "$title{",
        ),
    ]
    assert all(png.startswith(PNG) for png in pngs)
    for figure in drawn:
        assert overlapping(figure, lambda text: "word" in text or "figure" in text or "$a_" in text) == []


def test_a_title_is_wrapped_into_the_figure_so_that_its_end_can_be_read(drawn: list[Figure]) -> None:
    title = "reproduce-words-convnet-complex-speechcommands-30/reproduction-1-seed-0: test, accuracy 0.5631"
    for classes in (2, 35):
        figures.confusion_matrix(np.eye(classes, dtype=np.int64), names(classes), title)
        said = drawn[-1].get_suptitle()
        (label_text,) = [text for text in texts(drawn[-1]) if text.get_text() == said]
        assert said.replace("\n", " ").replace("- ", "-") == title
        assert label_text.get_window_extent().width < drawn[-1].bbox.width
    assert "\n" not in said, "there is room for it in one line"


def test_the_histogram_shows_every_count_of_the_splits_that_have_clips(drawn: list[Figure]) -> None:
    figures.class_histogram({"train": [1234, 5], "validation": [7, 9], "test": [0, 0]}, ["a", "b"], "data")
    said = {text.get_text() for text in texts(drawn[0])}
    assert {"1,234", "5", "7", "9", "train: 1,239 clips", "validation: 16 clips"} <= said
    assert not any("test" in text for text in said)


def test_percentages_are_never_rounded_to_none_or_all() -> None:
    assert [_percent(share, 0) for share in (0.004, 0.006, 0.5, 0.996, 1.0)] == ["<1", "1", "50", "99", "100"]
    assert [_percent(share, 1) for share in (0.0004, 0.9996, 1.0)] == ["<0.1", "99.9", "100.0"]


def test_the_alluvial_plot_says_what_it_leaves_out(drawn: list[Figure]) -> None:
    counts = np.array([[900, 40, 2], [30, 900, 0], [1, 0, 127]])  # 2,000 clips: pairs under 2 are left out
    figures.alluvial(counts, ["a", "b", "c"], "run")
    said = [text.get_text() for text in texts(drawn[0])]
    # From predicted (left) to true: b is said of 40, a of 30 and c of 2; a is meant by 42.
    assert [text for text in said if text[1:3] == " ("] == ["a (30)", "b (40)", "c (2)", "a (42)", "b (30)"]
    assert any("72 confused clips of 2,000" in text and "1 pair with 1 clip" in text for text in said)


def test_the_alluvial_plot_of_no_confusions_is_an_error_unless_all_are_asked_for() -> None:
    everything = np.diag([5, 6])
    with pytest.raises(BenchError, match="no two classes are confused"):
        figures.alluvial(everything, ["a", "b"], "run")
    assert figures.alluvial(everything, ["a", "b"], "run", correct=True).startswith(PNG)
    with pytest.raises(BenchError, match=r"in 10 clips or more \(0.5 of all\)"):
        figures.alluvial(np.array([[10, 3], [3, 4]]), ["a", "b"], "run", threshold=0.5)


def test_the_spectrum_of_a_tone_peaks_at_its_frequency() -> None:
    rate = 8000
    wave = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(rate) / rate)
    levels = spectrum(wave.astype(np.float32))
    assert len(levels) == rate // 2 + 1
    assert levels.argmax() == 1000 and levels.max() == pytest.approx(0)
    assert np.delete(levels, 1000).max() < -60
    assert (spectrum(np.zeros(100, dtype=np.float32)) == -DYNAMIC_RANGE).all()


def test_thinned_lines_keep_their_extremes() -> None:
    wave = np.random.default_rng(0).normal(size=100_000)
    wave[54_321] = 100.0
    x, y = thinned(np.arange(len(wave)) / 10, wave)
    assert len(x) == len(y) <= 1.1 * MAX_POINTS
    assert y.max() == 100.0
    assert x[y.argmax()] == pytest.approx(5432.1, abs=20)
    short = np.arange(10.0)
    assert thinned(short, short)[1] is short


def test_frequency_responses_of_two_taps() -> None:
    low, high = frequency_response(np.array([[1, 1], [1, -1]], dtype=np.float32))
    middle = len(low) // 2
    assert (low[0], low[-1]) == (pytest.approx(0), pytest.approx(-RESPONSE_RANGE))
    assert (high[0], high[-1]) == (pytest.approx(-RESPONSE_RANGE), pytest.approx(0))
    assert low[middle] == pytest.approx(20 * np.log10(np.cos(np.pi / 4)), abs=0.05)


def test_the_liveliest_channels_are_those_that_vary_most_in_their_own_order() -> None:
    values = np.outer([1, 9, 0, 5], [1, -1, 1]).astype(np.float32)
    assert most_varying(values, 2).tolist() == [1, 3]
    assert most_varying(values, 10).tolist() == [0, 1, 2, 3]


def test_tiles_stand_in_rows_with_gaps() -> None:
    tiles = image_grid([np.full((2, 3), float(n)) for n in range(3)], columns=2, gap=1)
    assert tiles.shape == (5, 7)
    assert tiles[0, 0] == 0 and tiles[0, 4] == 1 and tiles[3, 0] == 2
    assert np.isnan(tiles[2]).all() and np.isnan(tiles[:, 3]).all() and np.isnan(tiles[3:, 4:]).all()


def test_the_range_test_marks_its_suggestion(drawn: list[Figure]) -> None:
    rates = np.geomspace(1e-6, 1, 50)
    losses = 2.3 - np.arange(50) / 40
    losses[-1] = 1e6
    test = RangeTest(rates=tuple(rates), losses=tuple(losses), suggestion=0.0123)
    assert figures.range_test(test, "run").startswith(PNG)
    axes = drawn[0].axes[0]
    assert axes.get_xscale() == "log"
    assert any("0.0123" in text.get_text() for text in texts(drawn[0]))
    assert axes.get_ylim()[1] < 10  # what blew up does not press the rest into a line


def epochs(best: float) -> tuple[Epoch, ...]:
    return tuple(
        Epoch(
            number=n,
            learning_rate=0.1,
            train_loss=1 / n,
            train_accuracy=0.5,
            validation_loss=1 / n,
            validation_accuracy=best * n / 3,
            validation_balanced_accuracy=0.5,
            seconds=1.0,
        )
        for n in (1, 2, 3)
    )


def test_a_comparison_says_the_accuracies_in_the_end(drawn: list[Figure]) -> None:
    mel = FeatureResult("mel", epochs(0.9), 3, Spread.of([0.9, 0.92]), Spread.of([0.85, 0.87]))
    mfcc = FeatureResult("mfcc", epochs(0.8), 3, Spread.of([0.8]), None)
    figures.feature_comparison([mel, mfcc], "tc-resnet on tones")
    said = [text.get_text() for text in texts(drawn[0])]
    assert {"validation\n0.910", "test\n0.860", "validation\n0.800"} <= set(said)
    loss, accuracy, _ = drawn[0].axes
    assert [line.get_label() for line in accuracy.get_lines() if not line.get_label().startswith("_")] == [
        "mel",
        "mfcc",
    ]
    assert loss.get_lines()[0].get_ydata().tolist() == pytest.approx([1, 1 / 2, 1 / 3])


@pytest.mark.parametrize("shape", [(300,), (20, 30), (2, 20, 30)])
def test_clips_stand_side_by_side_with_any_feature(shape: tuple[int, ...], drawn: list[Figure]) -> None:
    random = np.random.default_rng(0)
    clips = [
        ExampleClip(
            id="a/very/long/way/to/the/$file{\n of the clip.wav",
            label=name,
            waveform=random.normal(size=samples).astype(np.float32),
            sample_rate=8000,
            feature=random.normal(size=shape).astype(np.float32),
        )
        for name, samples in (("cat", 4000), ("dog", 6000), ("silence", 1))
    ]
    assert figures.example_clips(clips, "feature", "clips").startswith(PNG)
    rows = 2 + (shape[0] if len(shape) == 3 else 1)
    assert len(drawn[0].axes) == 3 * rows


def test_activations_of_every_shape_and_the_classes_at_their_end(drawn: list[Figure]) -> None:
    random = np.random.default_rng(0)
    layers = [
        LayerOutput("Conv2d, ReLU", random.normal(size=(16, 12, 9)).astype(np.float32), (16, 12, 9)),
        LayerOutput("Conv1d", random.normal(size=(3, 5000)).astype(np.float32), (3, 5000)),
        LayerOutput("LSTM", random.normal(size=(8, 20)).astype(np.float32), (8, 20), recurrent=True),
        LayerOutput("MaxPool1d", np.zeros(64, dtype=np.float32), (64, 1)),
        LayerOutput("Linear", np.array([2, -1], dtype=np.float32), (2,)),
    ]
    assert figures.activations(layers, "run", labels=("cat", "dog"), channels=4).startswith(PNG)
    panels = drawn[0].axes
    assert len(panels) == 5
    assert [text.get_text() for text in panels[-1].get_xticklabels()] == ["cat", "dog"]
    assert len(panels[0].get_xticks()) == 4
    assert "MaxPool1d\n64 x 1" in panels[3].get_ylabel()


@pytest.mark.parametrize("shape", [(10, 1, 4), (40, 1, 101), (16, 40, 3), (3, 1, 7, 7), (64, 2, 3, 3)])
def test_filters_of_every_shape(shape: tuple[int, ...], drawn: list[Figure]) -> None:
    weights = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    assert figures.first_filters(weights, "run", sample_rate=8000).startswith(PNG)
    said = " ".join(text.get_text() for text in texts(drawn[0]))
    assert ("Frequency (Hz)" in said) == (shape[1] == 1 and len(shape) == 3)
    assert ("the first 32 of" in said) == (shape[0] > 32)


def test_colours_come_again_only_after_ten() -> None:
    assert len({canvas.colour(index) for index in range(10)}) == 10
    assert canvas.colour(12) == canvas.colour(2)


def test_example_images_of_the_documentation_are_small() -> None:
    images = sorted((Path(__file__).resolve().parents[1] / "docs" / "images").glob("*.png"))
    assert images
    assert {image.name: image.stat().st_size for image in images if image.stat().st_size > 150_000} == {}
