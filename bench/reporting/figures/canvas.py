"""What all figures share: a canvas of their own, colours that colour-blind readers tell apart, labels in one line.

Figures are drawn on Agg without pyplot: no global state, nothing left open.
"""

from __future__ import annotations

import io
import textwrap
from typing import TYPE_CHECKING

from bench.markdown import printable
from bench.plugins import Split

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LONGEST_LABEL = 24
"""Characters of a label that are shown beside a figure."""
TITLE_SIZE = 11
"""Points."""
TITLE_CHARACTER = 0.095
"""Width of a character of a title, in inches: a little more than most take."""
TITLE_LINES = 4
DOTS_PER_INCH = 120
TRAIN, VALIDATION, TEST = "#3b6ea8", "#c8553d", "#4c8c6b"
SPLIT_COLOURS: dict[Split, str] = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
# Paul Tol's "muted" scheme (SRON/EPS/TN/09-002), safe for all kinds of colour blindness.
COLOURS = (
    *("#332288", "#cc6677", "#117733", "#ddaa33", "#88ccee"),
    *("#882255", "#44aa99", "#999933", "#aa4499", "#777777"),
)


def colour(place: int) -> str:
    """The colour of a class or a curve by its place; colours come again after ten, so that labels have to stand by."""
    return COLOURS[place % len(COLOURS)]


def new_figure(width: float, height: float, title: str = "") -> Figure:
    """An empty figure, in inches, whose parts make room for each other."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    if title:
        figure.suptitle(_wrapped(title, width), parse_math=False, fontsize=TITLE_SIZE)
    return figure


def _wrapped(title: str, width: float) -> str:
    """A title in as many lines as a figure of so many inches needs, `TITLE_LINES` at most: what it ends with tells figures
    of one run apart."""
    characters = max(24, int(width / TITLE_CHARACTER))
    return "\n".join(textwrap.wrap(printable(title), characters, max_lines=TITLE_LINES, placeholder="…"))


def caption(figure: Figure, text: str) -> None:
    """A line under a figure that says what is in it and what is left out."""
    figure.supxlabel(printable(text), parse_math=False, fontsize=9, color="0.25")


def label(text: str) -> str:
    """A class's name, short enough to stand beside a figure: cut in its middle, since names that are long differ at
    their ends."""
    text = printable(text)
    head = LONGEST_LABEL // 2
    return text if len(text) <= LONGEST_LABEL else f"{text[:head]}…{text[head + 1 - LONGEST_LABEL :]}"


def shortened(text: str, longest: int) -> str:
    """`text` in one line of so many characters at most."""
    text = printable(text)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def png(figure: Figure) -> bytes:
    """The figure as a PNG file."""
    import warnings

    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a box is drawn in its place
        figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, bbox_inches="tight", pad_inches=0.12)
    return buffer.getvalue()
