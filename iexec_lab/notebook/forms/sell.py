"""The form that sells the use of an app, a dataset or a workerpool, and shows what is on sale."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

import ipywidgets as widgets

from iexec_lab import markup
from iexec_lab.errors import IexecError, UsageError
from iexec_lab.notebook.forms import pieces
from iexec_lab.notebook.forms.hand import known
from iexec_lab.notebook.forms.hand.aside import Aside
from iexec_lab.notebook.forms.hand.guided import Decision, Guided, beside, column, halves, reveal
from iexec_lab.notebook.forms.hand.more import MoreOptions
from iexec_lab.notebook.forms.hand.pick import Pick, is_name, observe
from iexec_lab.notebook.forms.hand.where import Where
from iexec_lab.protocol import NULL_ADDRESS, decode_tag
from iexec_lab.spelling import in_rlc, short_id
from iexec_lab.units import parse_rlc

if TYPE_CHECKING:
    from iexec_lab.notebook.forms.hand.desk import Desk

KINDS: Final = ("app", "dataset", "workerpool")
_MOST_SHOWN: Final = 10


class Price(Decision):
    """An amount with its unit."""

    def __init__(self, label: str, help: str) -> None:  # noqa: A002 - as in pieces
        self._unit = pieces.choice(["RLC", "nRLC"], "RLC")
        super().__init__(widgets.Text(), label, help, check=self._check_amount, unit=self._unit)

    def words(self) -> list[str]:
        """The option; nothing where nothing was typed."""
        return ["--price", self.value, str(self._unit.value)] if self.value else []

    def fill(self, value: Any) -> None:
        """Fill it in: an amount in nRLC, or with its unit."""
        amount, *unit = value if isinstance(value, list | tuple) else str(value).split()
        self._unit.value = unit[0] if unit else "nRLC"
        self.control.value = str(amount)

    def on_change(self, act: Any) -> None:
        super().on_change(act)
        observe(self._unit, act)

    def _check_amount(self, text: str) -> str:
        parse_rlc([text, str(self._unit.value)])
        return ""


class SellForm(Guided):
    """What is sold, for how much, to whom; what is on sale now.

    Args:
        desk: Where it works.
        kind: ``app``, ``dataset`` or ``workerpool``.
        address: Which one; an ``app``, a ``dataset`` or a ``workerpool`` says both.
        **values: Options of ``publish``.
    """

    name: ClassVar = "sell"
    title: ClassVar = "Sell"
    go_label: ClassVar = "Publish"
    go_icon: ClassVar = "tag"
    has_halves: ClassVar = True

    def __init__(self, desk: Desk, kind: str = "app", address: str | None = None, **values: Any) -> None:
        super().__init__(desk)
        for each in KINDS:
            if each in values:
                kind, address = each, values.pop(each)
        if kind not in KINDS:
            raise UsageError(f"Nobody sells a {kind}", hint=f"Sell one of: {', '.join(KINDS)}.")
        self.kind = Decision(
            pieces.choice(
                [("an app", "app"), ("a dataset", "dataset"), ("tasks of a workerpool", "workerpool")]
            ),
            "What is sold",
            "The right to use it, task by task; it stays yours.",
        )
        self.kind.control.value = kind
        self.asset = Pick(
            "Which one", "Deployed in this folder, or owned by the wallet.", typed="Its address"
        )
        self.price = Price("Price of a task", "Empty: it is free.")
        self.volume = Decision(
            widgets.Text(placeholder="1000000"),
            "How many tasks",
            "The order is good for so many.",
            check=_check_count,
        )
        self.decisions = [self.kind, *self.asset.decisions, self.price, self.volume]
        self.more = {
            each: MoreOptions((each, "publish"), {"price", "volume"}, desk, title="Only for, and other terms")
            for each in KINDS
        }
        self._was: tuple[Any, str] | None = None
        self._assets, self._open = Aside(self._told_assets), Aside(self._told_open)
        self._now = column()
        left = column(*self.decisions, *(each.fold.box for each in self.more.values()))
        self._inside = halves(left, self._now)
        self.more["dataset"].fill(
            "tag", "tee", is_open=False
        )  # only enclaves get the key of an encrypted one
        if address:
            self.asset.value = str(address)
        self._fill(values)
        for more in self.more.values():
            more.on_change(self.refresh)
        self.where = Where(desk, self._moved)
        observe(self.kind.control, self._moved)
        for decision in self.asset.decisions:
            observe(decision.control, self._look)
        self.draw(self.where.box, self._inside)
        self._moved()

    def lines(self) -> list[list[str]]:
        volume = ["--volume", self.volume.value] if self.volume.value else []
        asset = filter(None, [self.asset.value])
        return [[self._kind, "publish", *asset, *self.price.words(), *volume, *self._more.words()]]

    def problems(self) -> list[str]:
        found = [*super().problems(), *self._more.problems()]
        return found if self.where.lab else ["Connect first.", *found]

    def refresh(self) -> None:
        if self._is_busy:
            return
        self.asset.refresh()
        for part in (self._inside, self._foot):
            reveal(part, shown=self.where.lab is not None)
        for each, more in self.more.items():
            more.fold.box.layout.display = None if each == self._kind else "none"
        super().refresh()

    def act(self) -> None:
        self.value = self.perform(self.lines()[0], shown=False)  # what it says has the order's hash
        self._look()

    @property
    def _kind(self) -> str:
        return self.kind.value

    @property
    def _more(self) -> MoreOptions:
        return self.more[self._kind]

    def _fill(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            if name == "price":
                self.price.fill(value)
            elif name == "volume":
                self.volume.control.value = str(value)
            else:
                self._more.fill(name, value)

    def _moved(self) -> None:
        """The market is open, or is another one; or another kind is sold."""
        lab, kind = self.where.lab, self._kind
        if lab is not None and self._was is not None and self._was != (lab, kind):
            self.asset.restart()
        self._was = lab, kind
        self._tell_open("What is on sale of it stands here.")
        if lab is not None:
            self._assets.ask(lambda: known.assets(lab, kind, self.desk.folder, self.desk.seen))
            self._more.propose(lab, str)
            self._look()
        self.refresh()

    def _told_assets(self, answer: Any) -> None:
        if isinstance(answer, IexecError):
            self.asset.unknown(answer.message)
        else:
            self.asset.offer([(each.label, each.address) for each in answer], first=True)
        self.refresh()

    def _look(self) -> None:
        """Ask what is on sale of the chosen one."""
        lab, kind, address = self.where.lab, self._kind, self.asset.value
        if lab is None or not is_name(address):
            self._open.drop()
            self._tell_open("What is on sale of it stands here.")
            return
        others = {each: "any" for each in (*KINDS, "requester") if each != kind}
        self._open.ask(lambda: (kind, address, known.orders(lab, kind, address, **others)))

    def _tell_open(self, said: str) -> None:
        self._now.children = [widgets.HTML(markup.element("div", said, class_="iexec-lab-help"))]

    def _told_open(self, answer: Any) -> None:
        if isinstance(answer, IexecError):
            self._now.children = [widgets.HTML(pieces.mistake(answer))]
            return
        kind, address, rows = answer
        if (kind, address) != (self._kind, self.asset.value):
            return
        if not rows:
            self._now.children = [widgets.HTML(markup.note("Nothing of it is on sale now."))]
            return
        wallet = self.where.lab.session.wallet.address if self.where.lab else None
        parts: list[Any] = [widgets.HTML(markup.element("strong", f"On sale now: {len(rows)}"))]
        for row in rows[:_MOST_SHOWN]:
            told = widgets.HTML(_offer(kind, row))
            is_own = str(row.get("signer", "")).lower() == str(wallet).lower()
            take_off = pieces.action(
                "Unpublish",
                "times",
                partial(self._unpublish, kind, row["orderHash"]),
                help="Take it off the market",
            )
            parts.append(beside(told, take_off) if is_own else told)
        if len(rows) > _MOST_SHOWN:
            parts.append(widgets.HTML(f"… and {len(rows) - _MOST_SHOWN} more"))
        self._now.children = parts

    def _unpublish(self, kind: str, order_hash: str) -> None:
        self.work(lambda: self.perform(["order", "unpublish", f"--{kind}", order_hash], shown=False))
        self._look()


def _offer(kind: str, row: dict[str, Any]) -> markup.Markup:
    """One order on a line: price, how often, for whom, its hash."""
    order = row["order"]
    only = [
        markup.join(
            f"only {name.removesuffix('restrict')} ", markup.short(order[name], short_id(order[name]))
        )
        for name in ("apprestrict", "datasetrestrict", "workerpoolrestrict", "requesterrestrict")
        if order.get(name) not in {None, NULL_ADDRESS}
    ]
    words = ", ".join(decode_tag(order["tag"]))
    parts: list[Any] = [
        markup.element("strong", in_rlc(int(order[f"{kind}price"]))),
        f"{int(row['remaining']):,} left",
        *([f"category {int(order['category'])}"] if "category" in order else []),
        *([words] if words else []),
        *(only or [markup.html("for everybody")]),
        markup.short(row["orderHash"], short_id(row["orderHash"])),
    ]
    return markup.element("div", markup.join(*parts, between=" · "))


def _check_count(text: str) -> str:
    return "" if text.isdecimal() and int(text) else "A number of 1 or more."
