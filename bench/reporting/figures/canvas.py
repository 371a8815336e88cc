"""Provides what all figures share: a canvas, colours that colour-blind readers can tell apart, and one-line labels.

Figures are drawn on Agg without pyplot, so there is no global state and no figure stays open.
"""

from __future__ import annotations

import io
import textwrap
from typing import TYPE_CHECKING

from bench.markdown import printable
from bench.plugins import Split

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_LABEL_CHARACTERS = 24
"""Longest label beside a figure, in characters."""
TITLE_SIZE = 11
"""Font size of titles, in points."""
TITLE_CHARACTER_WIDTH = 0.095
"""Width of a title's character in inches, a little more than most need."""
MAX_TITLE_LINES = 4
DOTS_PER_INCH = 120
TRAIN, VALIDATION, TEST = "#3b6ea8", "#c8553d", "#4c8c6b"
SPLIT_COLOURS: dict[Split, str] = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
# Paul Tol's "muted" scheme (SRON/EPS/TN/09-002), safe for all kinds of colour blindness.
COLOURS = (
    *("#332288", "#cc6677", "#117733", "#ddaa33", "#88ccee"),
    *("#882255", "#44aa99", "#999933", "#aa4499", "#777777"),
)


def colour(index: int) -> str:
    """Returns the colour of a class or a curve by its index. Colours repeat after ten, so figures need labels as well."""
    return COLOURS[index % len(COLOURS)]


def new_figure(width: float, height: float, title: str = "") -> Figure:
    """Returns an empty figure of a size in inches, with a layout that keeps its parts from overlapping."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    if title:
        figure.suptitle(_wrapped(title, width), parse_math=False, fontsize=TITLE_SIZE)
    return figure


def _wrapped(title: str, width: float) -> str:
    """Wraps a title for a figure of this width in inches into `MAX_TITLE_LINES` lines at most, since its end tells figures
    of one run apart."""
    characters = max(24, int(width / TITLE_CHARACTER_WIDTH))
    return "\n".join(textwrap.wrap(printable(title), characters, max_lines=MAX_TITLE_LINES, placeholder="…"))


def caption(figure: Figure, text: str) -> None:
    """Adds a line below a figure that says what is in it and what is left out."""
    figure.supxlabel(printable(text), parse_math=False, fontsize=9, color="0.25")


def label(text: str) -> str:
    """Returns a class's name, shortened in its middle if it is long, since long names differ at their ends."""
    text = printable(text)
    half = MAX_LABEL_CHARACTERS // 2
    return text if len(text) <= MAX_LABEL_CHARACTERS else f"{text[:half]}…{text[half + 1 - MAX_LABEL_CHARACTERS :]}"


def shortened(text: str, max_characters: int) -> str:
    """Returns `text` in one line of at most `max_characters` characters."""
    text = printable(text)
    return text if len(text) <= max_characters else f"{text[: max_characters - 1]}…"


def png(figure: Figure) -> bytes:
    """Returns the figure as the bytes of a PNG file."""
    import warnings

    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas, buffer = FigureCanvasAgg(figure), io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # A box is drawn for a missing glyph.
        figure.set_dpi(DOTS_PER_INCH)
        if layout := figure.get_layout_engine():
            layout.execute(figure)
        # With the layout made and the margins measured, the figure is drawn once; savefig would draw it twice for either.
        figure.set_layout_engine("none")
        box = figure.get_tightbbox(canvas.get_renderer()).padded(0.12)  # type: ignore[no-untyped-call]
        figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, bbox_inches=box)
    return buffer.getvalue()
