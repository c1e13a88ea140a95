"""HTML of what notebooks show: small pieces that are escaped by construction, without colours of their own.

Texts come from strangers. Every function here takes plain text and escapes it; only what these functions
made (``Markup``) is taken as HTML. Styles stand in the elements, since front ends drop style sheets; colours
of text are the theme's, and what needs a colour has its own ground, so that it is legible in light and dark
(contrast at least 4.5 to 1). All pieces begin at the left edge and fold where the page is narrow.
"""

from __future__ import annotations

import re
from base64 import b64encode
from html import escape
from typing import TYPE_CHECKING, Final, Literal

from iexec_lab.spelling import short_id

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

Tone = Literal["good", "bad", "going", "late", "calm"]

GROUNDS: Final[dict[Tone, str]] = {
    "good": "#1a7f37",
    "bad": "#c62828",
    "going": "#0969da",
    "late": "#8a5a00",
    "calm": "#656d76",
}
"""Grounds under white text; as marks they stand out from white and from black by 3 to 1."""
_LINE: Final = "1px solid rgba(127,127,127,.35)"
_MONO: Final = "var(--jp-code-font-family,ui-monospace,Menlo,Consolas,monospace)"
_NUMBERS: Final = "font-variant-numeric:tabular-nums"
_WHOLE: Final = "user-select:all;overflow-wrap:anywhere;background:none;padding:0"
_WORD: Final = 32  # letters of a word in a table that is not broken
_NUMBER: Final = re.compile(r"-?[\d.,]*\d(?:e[+-]?\d+)?%?|about .*|nan|", re.IGNORECASE)


class Markup(str):
    """HTML that this module made, and nothing else."""

    __slots__ = ()


def html(piece: object) -> Markup:
    """Markup as it is; anything else as escaped text."""
    return piece if isinstance(piece, Markup) else Markup(escape(str(piece)))


def join(*pieces: object, between: str = "") -> Markup:
    """Pieces beside each other."""
    return Markup(escape(between).join(html(piece) for piece in pieces))


def element(name: str, *pieces: object, style: str = "", **attributes: str) -> Markup:
    """One element; ``aria_label`` becomes ``aria-label``, ``class_`` becomes ``class``."""
    given = {"style": style, **attributes} if style else attributes
    words = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in given.items())
    return Markup(f"<{name}{words}>{join(*pieces)}</{name}>")


def sheet(rules: str) -> Markup:
    """A style sheet of our own words; a name in it may be put in, a stranger's text may not.

    Raises:
        ValueError: there is something in it that could end it.
    """
    if "<" in rules or "\\" in rules:
        raise ValueError(f"not a style sheet of ours: {rules[:60]}")
    return Markup(f"<style>{rules}</style>")


def badge(text: str, tone: Tone = "calm") -> Markup:
    """A word on a ground of its own."""
    style = (
        f"background:{GROUNDS[tone]};color:#fff;border-radius:.8em;padding:.05em .65em;"
        "font-size:.92em;white-space:nowrap"
    )
    return element("span", text, style=style)


def short(whole: str, shown: str = "") -> Markup:
    """An id by its ends, or as ``shown``; the whole one is its title."""
    style = "white-space:nowrap;background:none;padding:0"
    return element("code", shown or short_id(whole), title=whole, style=style)


def whole(text: str) -> Markup:
    """An id or a line to copy: one click selects all of it."""
    return element("code", text, style=_WHOLE)


def line(text: str) -> Markup:
    """A line to copy, as ``whole``; it is not broken inside of an option such as ``--encrypt-result``."""
    parts = re.split(r"(?<!\S)(--[a-zA-Z-]+)", text)
    pieces = [
        element("span", part, style="white-space:nowrap") if number % 2 else part
        for number, part in enumerate(parts)
    ]
    return element("code", *pieces, style=_WHOLE)


def bar(parts: Sequence[tuple[int, Tone, str]], total: int) -> Markup:
    """A bar of counts.

    Args:
        parts: Count, tone and name of each part, in order.
        total: What the whole bar stands for.
    """
    told = ", ".join(f"{count} {name}" for count, _, name in parts if count) or "nothing yet"
    inner = [
        element(
            "span",
            style=f"height:100%;width:{100 * count / max(total, 1):.2f}%;background:{GROUNDS[tone]}",
            title=f"{count} {name}",
        )
        for count, tone, name in parts
        if count
    ]
    style = (
        f"display:flex;height:.7em;max-width:36em;border:{_LINE};border-radius:.4em;overflow:hidden;"
        "margin:.3em 0"
    )
    return element("div", *inner, style=style, role="img", aria_label=f"{told} of {total}")


def facts(pairs: Iterable[tuple[str, object]], least: float = 11) -> Markup:
    """Names and values, as many beside each other as the page has room for; ``least`` em for each."""
    cells = [
        element(
            "div",
            element("div", name, style="opacity:.75;font-size:.9em"),
            element("div", value, style=f"overflow-wrap:anywhere;{_NUMBERS}"),
        )
        for name, value in pairs
    ]
    columns = f"repeat(auto-fill,minmax(min({least:g}em,100%),1fr))"
    style = f"display:grid;grid-template-columns:{columns};gap:.4em 1.2em;margin:.3em 0"
    return element("div", *cells, style=style)


def upright(pairs: Iterable[tuple[str, object]], label: str = "") -> Markup:
    """Names and values, one below the other, on the left edge."""
    rows = [
        element(
            "tr",
            element("th", name, scope="row", style="text-align:left;vertical-align:top;font-weight:600"),
            element("td", value, style=f"text-align:left;overflow-wrap:anywhere;{_NUMBERS}"),
        )
        for name, value in pairs
    ]
    return element("table", element("tbody", *rows), style="margin:0", **_labelled(label))


def table(
    head: Sequence[object],
    rows: Iterable[Sequence[object]],
    label: str = "",
    *,
    right: Container[int] = (),
    named: bool = False,
) -> Markup:
    """A table on the left edge; wider than the page it scrolls by itself, with the keyboard too.

    Args:
        head: What stands above the columns.
        rows: Their cells.
        label: What the table is, for those who do not see it.
        right: Columns whose cells end at the right edge: numbers.
        named: The first cell of a row names it.
    """

    def cell(place: int, piece: object, kind: str, **scope: str) -> Markup:
        edge = "right" if place in right else "left"
        style = f"text-align:{edge};vertical-align:baseline;{_NUMBERS}"
        if not isinstance(piece, Markup) and len(text := str(piece)) <= _WORD and " " not in text:
            style += ";white-space:nowrap"  # a date breaks at its hyphens
        return element(kind, piece, style=style, **scope)

    heads = [
        cell(place, each, "td") if named and not place else cell(place, each, "th", scope="col")
        for place, each in enumerate(head)
    ]
    body = [
        element(
            "tr",
            *(
                cell(place, each, "th", scope="row") if named and not place else cell(place, each, "td")
                for place, each in enumerate(row)
            ),
        )
        for row in rows
    ]
    inner = element(
        "table",
        element("thead", element("tr", *heads)),
        element("tbody", *body),
        style="margin:0",
        **_labelled(label),
    )
    region = {"role": "region", "aria_label": label} if label else {}
    return element("div", inner, style="overflow-x:auto;max-width:100%", tabindex="0", **region)


def are_numbers(texts: Iterable[str]) -> bool:
    """Whether the cells of a column are numbers, or empty: its right edge is where they end."""
    held = list(filter(None, texts))
    return bool(held) and all(map(_NUMBER.fullmatch, held))


def lines(texts: Iterable[object]) -> Markup:
    """Texts below each other."""
    return Markup("<br>".join(html(each) for each in texts))


def text(*pieces: object, quiet: bool = False, role: str = "") -> Markup:
    """A line of words where the cells of tables begin; ``quiet`` where it matters less."""
    style = "margin:.3em 0;padding:0 6px;max-width:66em;overflow-wrap:anywhere"
    more = {"role": role} if role else {}
    return element("div", *pieces, style=f"{style};font-size:.9em" if quiet else style, **more)


def quiet(text: str) -> Markup:
    """Words that matter less, within others."""
    return element("span", text, style="opacity:.75;font-weight:400")


def link(address: str) -> Markup:
    """An address to open beside the notebook; what is no web address stays text."""
    if not address.startswith(("https://", "http://")):
        return html(address)
    return element("a", address, href=address, target="_blank", rel="noopener noreferrer")


def kept(piece: object, whole: str) -> Markup:
    """A piece on one line that stands for ``whole``, its title."""
    return element("span", piece, title=whole, style="white-space:nowrap")


def narrow(piece: object, width: str) -> Markup:
    """A long text that goes on below itself from this width on."""
    return element("div", piece, style=f"max-width:{width};overflow-wrap:anywhere")


def progress(done: int, total: int, label: str) -> Markup:
    """How far work is, in the colours of the page; without a total only that it goes on."""
    known = {"value": str(min(done, total)), "max": str(total)} if total > 0 else {}
    return element("progress", style="width:14em;vertical-align:middle", aria_label=label, **known)


def block(text: str, label: str = "", lines: int = 20) -> Markup:
    """A log or file as it is: monospace, on the left edge; from ``lines`` lines on it scrolls by itself."""
    style = (
        f"font-family:{_MONO};font-size:.95em;line-height:1.35;text-align:left;margin:.2em 0;"
        f"padding:.5em .7em;border:{_LINE};border-radius:.3em;white-space:pre-wrap;overflow-wrap:anywhere;"
        f"max-height:{lines * 1.35 + 1:.1f}em;overflow:auto"
    )
    return element("pre", text, style=style, tabindex="0", **_labelled(label))


def scrolling(*pieces: object, lines: int = 36) -> Markup:
    """What scrolls by itself where it would be higher than so many lines; the keyboard reaches it."""
    return element("div", *pieces, style=f"max-height:{lines * 1.35:.1f}em;overflow:auto", tabindex="0")


def image(data: bytes, kind: str, name: str) -> Markup:
    """A picture inside the page: no front end fetches anything. On a ground of its own, for black text in it.

    Args:
        data: Its bytes; the caller bounds them.
        kind: The MIME type of a picture without scripts, such as ``image/png``.
        name: What is read where it is not seen.
    """
    style = "display:block;max-width:100%;max-height:30em;background:#fff"
    source = f"data:{kind};base64,{b64encode(data).decode()}"
    return Markup(f'<img src="{escape(source)}" alt="{escape(name)}" style="{style}">')


def note(*pieces: object, tone: Tone = "calm", role: str = "note") -> Markup:
    """A remark with a coloured edge; the words have the theme's colour."""
    edge = f"border-left:.3em solid {GROUNDS[tone]};padding:.15em .7em;margin:.3em 0;"
    return element("div", *pieces, style=edge + "white-space:pre-wrap;overflow-wrap:anywhere", role=role)


def folded(summary: object, *pieces: object, is_open: bool = False) -> Markup:
    """What is seen after a click; the keyboard opens it too, and no script does."""
    more = {"open": ""} if is_open else {}
    head = element("summary", summary, style="cursor:pointer")
    return element("details", head, *pieces, style="margin:.2em 0", **more)


def card(title: object, *pieces: object, label: str = "") -> Markup:
    """One thing with all that belongs to it, in a frame."""
    frame = f"border:{_LINE};border-radius:.5em;padding:.6em .9em;margin:.3em 0"
    head = element("div", title, style="font-weight:600;margin-bottom:.2em")
    return element(
        "section", head, *pieces, style=f"{frame};max-width:66em;text-align:left", **_labelled(label)
    )


def _labelled(label: str) -> dict[str, str]:
    return {"aria_label": label} if label else {}
