"""How all pictures look: colours, letters, axes.

The ground is transparent and every colour is a middle tone, with a contrast of at least 3 on white and on
black, so a picture is legible in light and in dark themes. The colours can be told apart by people who do
not tell red from green. Names come from strangers: nothing in them is read as mathematics, what the letters
cannot draw is a box, long ones are cut.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.libraries import needing
from iexec_lab.plain_text import plain
from iexec_lab.spelling import in_rlc as exact
from iexec_lab.spelling import short_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.figure import Figure

INK: Final = "#7a7a7a"
BLUE, RED, GREEN, OCHRE, PURPLE, GREY = "#2a83c5", "#d55e00", "#0f9d74", "#a67c00", "#b565a7", "#8c8c8c"
_LONGEST_LABEL: Final = 32
_LONGEST_NOTES: Final = 105
_LARGEST: Final = 1e300
_FONT: Final = "DejaVu Sans"  # matplotlib brings it along
_RULES: Final[dict[str, Any]] = {
    "axes.axisbelow": True,
    "axes.edgecolor": INK,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 9.5,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlesize": 9.5,
    "figure.facecolor": "none",
    "font.family": _FONT,
    "grid.alpha": 0.3,
    "grid.color": INK,
    "grid.linewidth": 0.6,
    "legend.fontsize": 9.5,
    "legend.labelcolor": INK,
    "savefig.facecolor": "none",
    "svg.hashsalt": "iexec-lab",
    "text.color": INK,
    "text.parse_math": False,
    "text.usetex": False,
    "timezone": "UTC",
    "xtick.color": INK,
    "xtick.labelsize": 9,
    "ytick.color": INK,
    "ytick.labelsize": 9,
}


def require() -> None:
    """Refuse to draw where nothing can draw.

    Raises:
        LibraryError: matplotlib is not installed, or cannot be imported.
    """
    with needing("A picture", "matplotlib"):
        import matplotlib  # noqa: F401, ICN001


def blank(height: float) -> Figure:
    """An empty figure that belongs to no window; inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(7.6, height), layout="constrained")


@contextmanager
def ours() -> Iterator[None]:
    """Draw by our rules, whatever the user's own are; theirs are back afterwards."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        rules: Any = mpl.rcParams
        rules.update(_RULES)
        yield


def label(text: Any, longest: int = _LONGEST_LABEL) -> str:
    """A stranger's text on a picture: one line, cut in the middle, only letters that can be drawn."""
    from matplotlib import font_manager

    shown = plain(text)
    if len(shown) > longest:
        half = (longest - 1) // 2
        shown = f"{shown[:half]}…{shown[-half:]}"
    letters = font_manager.get_font(font_manager.findfont(_FONT)).get_charmap()
    return "".join(char if ord(char) in letters else "□" for char in shown)


def short(address: Any) -> str:
    """An address by its ends; any other text as it is."""
    return short_id(plain(address))


def words(name: Any) -> str:
    """A name of ours as words: ``deal_lock`` is ``deal lock``."""
    return plain(name).replace("_", " ")


def real(value: int) -> float:
    """A number for an axis; beyond what a float holds it is the largest."""
    try:
        return min(float(value), _LARGEST)
    except OverflowError:
        return _LARGEST


def rlc(nrlc: int) -> float:
    """RLC for an axis."""
    return real(nrlc) / 10**9


def number(value: float, _place: Any = None) -> str:
    """A number on an axis: ``0.05``, ``1,000``, ``2.5 M``, ``1e+30``."""
    size = abs(value)
    if size >= 1e9:
        return f"{value:.3g}"
    if size >= 1e6:
        return f"{value / 1e6:.6g} M"
    return f"{value:,.9g}"


def title(figure: Any, axes: Any, text: str, notes: Sequence[str] = ()) -> None:
    """What the picture is, at the top left, and below it what one must know to read it."""
    figure.suptitle(label(text, 90), x=0.01, ha="left", fontsize=12, fontweight="bold")
    if notes:
        lines = [""]
        for note in notes:
            joined = f"{lines[-1]}; {note}" if lines[-1] else note
            if len(joined) > _LONGEST_NOTES and lines[-1]:
                lines.append(note)
            else:
                lines[-1] = joined
        axes.set_title("\n".join(label(line, 120) for line in lines[:4]), loc="left", fontsize=9)


def heading(what: str, of: str = "") -> str:
    """A title: what is shown, and of whom or of which time."""
    return f"{what}, {plain(of, 60)}" if of else what


def legend(figure: Any) -> None:
    """The legend below the axes, in one line."""
    figure.legend(loc="outside lower left", ncols=6, frameon=False)


def numbers(axis: Any, *, whole: bool = False) -> None:
    """Write the numbers of an axis; only whole ones where things are counted."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    if whole:
        axis.set_major_locator(MaxNLocator(nbins=7, integer=True, min_n_ticks=1))
    axis.set_major_formatter(FuncFormatter(number))


def dates(axes: Any, first: float, last: float, least: float) -> None:
    """A time axis in UTC, days since 1970.

    Args:
        axes: Whose x-axis.
        first: Where it begins.
        last: Where it ends.
        least: How long it is at least.
    """
    from matplotlib import dates as of_matplotlib

    spare = max(least - (last - first), 0) / 2
    axes.set_xlim(max(first - spare, 0), last + spare)
    made: Any = of_matplotlib
    locator = made.AutoDateLocator(minticks=3, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(made.ConciseDateFormatter(locator))
    axes.set_xlabel("time (UTC)")


def shapes(axes: Any, corners: Sequence[Any], colour: str, *, edge: float, label: str) -> None:
    """Many shapes of one colour as a single drawing: thousands of their own would take seconds."""
    from matplotlib.collections import PolyCollection

    axes.add_collection(
        PolyCollection(corners, facecolors=colour, edgecolors=colour, linewidths=edge, label=label)
    )


def nothing(axes: Any, what: str) -> None:
    """Axes without figures: say so."""
    axes.text(0.5, 0.5, what, transform=axes.transAxes, ha="center", va="center", fontsize=11)
    for axis in axes.figure.axes:
        axis.set_axis_off()


def usual(values: Sequence[float]) -> float:
    """Where an axis of these values should end, so that a few absurd ones do not hide all the others."""
    held = sorted(value for value in values if value > 0)
    if not held:
        return 1.0
    return max(value for value in held if value <= 20 * held[(len(held) - 1) // 2])


def in_rlc(nrlc: int) -> str:
    """RLC in a sentence: exact, unless that is too long to read."""
    text = exact(nrlc)
    return text if len(text) <= 24 else f"about {rlc(nrlc):.3g} RLC"
