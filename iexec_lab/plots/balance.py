"""What an account had, over time."""

from __future__ import annotations

from typing import Any

from iexec_lab.errors import ValidationError
from iexec_lab.history.stats.exact import held, integers, seconds, texts
from iexec_lab.plots import style
from iexec_lab.plots.periods import DAY
from iexec_lab.plots.picture import Picture
from iexec_lab.plots.twin import Twin
from iexec_lab.units import format_rlc

_NAMES = ("staked", "locked", "together")


def balance(statement: Any, *, account: str = "") -> Picture:
    """What an account had after each movement, staked and locked.

    Args:
        statement: A frame of ``lab.account.history``.
        account: Whose it is, for the title.

    Raises:
        ValidationError: It is none.
    """
    if "stake_nrlc" not in getattr(statement, "columns", ()):
        raise ValidationError(
            "balance draws account statements", hint="Pass the frame of an account's history."
        )
    found = held(statement, ["happened_at", "cause", "stake_nrlc", "locked_nrlc"])
    found = found[found["happened_at"].notna()]
    moments = seconds(found["happened_at"]).astype("int64").tolist()
    stake, locked = (integers(found[name]) for name in ("stake_nrlc", "locked_nrlc"))
    both = [free + bound for free, bound in zip(stake, locked, strict=True)]
    times = [f"{moment:%Y-%m-%d %H:%M:%S}" for moment in found["happened_at"]]
    rows = [
        (when, style.words(cause), *map(format_rlc, amounts))
        for when, cause, *amounts in zip(times, texts(found["cause"]), stake, locked, both, strict=True)
    ]
    twin = Twin(("time (UTC)", "cause", *(f"{name} (RLC)" for name in _NAMES)), rows, both, newest=True)

    told = account or getattr(statement, "attrs", {}).get("account", "")
    heading = f"Balance of {style.short(told) if told else 'the account'}"

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        style.title(figure, axes, heading)
        if not rows:
            style.nothing(axes, "no movements")
            return
        first, last = moments[0] / DAY, max(moments) / DAY
        margin = max((last - first) * 0.03, 1 / 24)
        across = [*(at / DAY for at in moments), last + margin]
        for name, line, colour, amounts in zip(
            _NAMES, ("-", "--", "-"), (style.BLUE, style.RED, style.GREY), (stake, locked, both), strict=True
        ):
            up = [style.rlc(nrlc) for nrlc in [*amounts, amounts[-1]]]
            wide = 1.0 if name == "together" else 1.8
            axes.step(across, up, where="post", color=colour, linestyle=line, linewidth=wide, label=name)
        axes.set_ylim(0, max(*map(style.rlc, both), 1e-9) * 1.06)
        axes.set_ylabel("RLC")
        style.numbers(axes.yaxis)
        style.dates(axes, first - margin, last + margin, 0.25)
        style.legend(figure)

    return Picture(heading, twin, draw, (), "no movements")
