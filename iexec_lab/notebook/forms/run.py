"""The form that runs an app: which one, on which data, for how much; then the job and its result."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

import ipywidgets as widgets

from iexec_lab import markup
from iexec_lab.client.results.download import beneficiary_key_file
from iexec_lab.errors import BalanceError, IexecError
from iexec_lab.notebook.forms import pieces
from iexec_lab.notebook.forms.hand import cost, known
from iexec_lab.notebook.forms.hand.aside import Aside
from iexec_lab.notebook.forms.hand.guided import Decision, Guided, Stopped, beside, column, halves, reveal
from iexec_lab.notebook.forms.hand.more import MoreOptions
from iexec_lab.notebook.forms.hand.pick import Pick, is_name, observe
from iexec_lab.notebook.forms.hand.where import Where
from iexec_lab.regular_files import is_file
from iexec_lab.spelling import in_rlc

if TYPE_CHECKING:
    from iexec_lab.client.iexec import IExec
    from iexec_lab.notebook.forms.hand.desk import Desk
    from iexec_lab.notebook.forms.hand.known import Known, Size

_OWN: Final = {"app", "dataset", "args", "category", "encrypt_result"}
_MAKE_KEY: Final = ["result", "generate-encryption-keypair"]
_PUSH_KEY: Final = ["result", "push-encryption-key"]
_KEY_SAID: Final = {
    (False, False): "A key pair is made first, and its public half given to the secret manager.",
    (False, True): "The public half of your key pair is given to the secret manager first.",
    (True, False): "The key pair of this wallet was made in another folder. To read the result here, copy its"
    " .secrets/beneficiary, or make a new pair: later results are then encrypted for that one.",
    (True, True): "",
}
"""By whether the secret manager has a key, and whether its private half is in this folder."""
_DEMO: Final = [["init", "--skip-wallet"], ["app", "init"], ["app", "deploy"]]


class RunForm(Guided):
    """App, dataset, arguments, size, encryption; the cost; Run.

    Args:
        desk: Where it works.
        **values: What is chosen at first: options of ``app run``, and hashes of orders that are open
            (``apporder``, ``datasetorder``, ``workerpoolorder``), whose asset and price are taken.
    """

    name: ClassVar = "run"
    title: ClassVar = "Run an app"
    go_label: ClassVar = "Run"
    has_halves: ClassVar = True

    def __init__(self, desk: Desk, **values: Any) -> None:
        super().__init__(desk)
        self._orders = {
            kind: values.pop(kind, None) for kind in ("apporder", "datasetorder", "workerpoolorder")
        }
        self.app = Pick("App", "What is run.", typed="Address of the app")
        self.dataset = Pick(
            "Dataset", "Data that the app works on.", nothing="none", typed="Address of the dataset"
        )
        self.args = Decision(widgets.Text(), "Arguments", "Given to the app, as on its command line.")
        self.size = Decision(
            pieces.choice([("the smallest on offer", "")], ""), "Longest run", "Longer ones cost more."
        )
        self.encrypt = Decision(
            widgets.Checkbox(value=False), "Encrypt the result", "Only this wallet's key can read it."
        )
        self.more = MoreOptions(("app", "run"), _OWN, desk)
        self.decisions = [*self.app.decisions, *self.dataset.decisions, self.args, self.size, self.encrypt]
        self._known: dict[str, Known] = {}
        self._key_is: tuple[bool, bool] | None = (
            None  # whether one is pushed; whether its private half is here
        )
        self._asked_key = False
        self._was: IExec | None = None
        self._apps, self._data = Aside(self._told_apps), Aside(self._told_data)
        self._sizes, self._offers = Aside(self._told_sizes), Aside(self._told_offers)
        self._names = Aside(self._told_names)
        self._key, self._cost = Aside(self._told_key), Aside(self._told_cost)
        self._price = widgets.HTML()
        self._price_card = markup.Markup()
        self._asked: tuple[Any, ...] = ()
        self._remedy: list[list[str]] = []
        self._pay = pieces.action("Put RLC on the account", "arrow-up", self._top_up)
        self._demo = pieces.action("Get the demo app", "download", self._get_demo)
        self._first = beside(widgets.HTML("No app is known here yet:"), self._demo)
        self._topping = pieces.buttons(self._pay)
        self._keying = pieces.buttons(pieces.action("Make a new key pair", "key", self._renew_key))
        for row in (self._first, self._topping, self._keying):
            reveal(row, shown=False)
        left = column(self._first, *self.decisions, self._keying, self.more.fold.box)
        self._inside = halves(left, column(self._price, self._topping))
        self._fill(values)
        self.where = Where(desk, self._moved)
        observe(self.app.list.control, self._app_changed)
        observe(self.app.typed.control, self._app_changed)
        self.more.on_change(self.refresh)
        self.draw(self.where.box, self._inside)
        self._moved()

    def lines(self) -> list[list[str]]:
        return [*self._key_lines(), [*self._words(), "--watch"]]

    def problems(self) -> list[str]:
        found = [*super().problems(), *self.more.problems()]
        if self.encrypt.value and self._asked_key and self._key_is is None:
            found.append("The secret manager is asked for your key.")
        return found if self.where.lab else ["Connect first.", *found]

    def refresh(self) -> None:
        if self._is_busy:
            return
        for pick in (self.app, self.dataset):
            pick.refresh()
        is_open = self.where.lab is not None
        for part in (self._inside, self._foot):
            reveal(part, shown=is_open)
        if self.encrypt.value and not self._asked_key and is_open:
            self._ask_key()
        reveal(self._keying, shown=bool(self.encrypt.value) and self._key_is == (True, False))
        super().refresh()
        reveal(self._topping, shown=bool(self._remedy))
        if is_open and not self.problems():
            self._ask_cost()
        else:
            self._cost.drop()
            self._asked = ()
            self._show_cost(cost.waiting("What it costs stands here before you run it."))

    def act(self) -> None:
        self.value = None
        for words in self.lines():
            value = self.perform(words, shown=words[0] == "app")
            if words == _PUSH_KEY:
                self._told_key((True, True))
        self.value = value
        self._show_results(value)
        self._asked = ()
        self.where.look()

    def _show_results(self, job: Any) -> None:
        """What the tasks gave, decrypted where the key is here."""
        try:
            found = job.result() if job.volume == 1 else job.results()
        except IexecError as error:
            self.show(pieces.mistake(error))
            raise Stopped from error
        self.trace.tell("job.result()" if job.volume == 1 else "job.results()", found)
        self.present(found)

    def _words(self) -> list[str]:
        words = ["app", "run", *filter(None, [self.app.value])]
        for flag, value in (
            ("--dataset", self.dataset.value),
            ("--args", self.args.value),
            ("--category", self.size.value),
        ):
            words += [flag, value] if value else []
        words += ["--encrypt-result"] if self.encrypt.value else []
        return [*words, *self.more.words()]

    def _fill(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            if value is None:
                continue
            if name in {"app", "dataset"}:
                getattr(self, name).value = str(value)
            elif name == "args":
                self.args.control.value = str(value)
            elif name == "category":
                self.size.control.options = [*self.size.control.options, (str(value), str(value))]
                self.size.control.value = str(value)
            elif name == "encrypt_result":
                self.encrypt.control.value = bool(value)
            else:
                self.more.fill(name, value)

    def _moved(self) -> None:
        """The market is open, or is another one."""
        lab = self.where.lab
        if self._was is not None and lab is not self._was:
            self.app.restart()
            self.dataset.restart()
            self.size.control.value = ""
            self._known, self._remedy = {}, []
        self._was = lab
        if lab is not None:
            self._key_is, self._asked_key, self._asked = None, False, ()
            self._apps.ask(lambda: (self._of_orders(lab), known.apps(lab, self.desk.folder, self.desk.seen)))
            self.more.propose(lab, lambda: self.app.value)
            self._sizes.ask(lambda: known.sizes(lab))
            if self.app.value:
                self._app_changed()
        self.refresh()

    def _of_orders(self, lab: IExec) -> dict[str, Any]:
        """The options that orders stand for: what they sell, at most for their price."""
        found: dict[str, Any] = {}
        for kind, order_hash in self._orders.items():
            if order_hash:
                noun = kind.removesuffix("order")
                order = lab.session.market.order(kind, str(order_hash))["order"]
                found |= {noun: order[noun], f"{noun}_price": str(order[f"{noun}price"])}
                found |= {"category": str(order["category"])} if noun == "workerpool" else {}
        return found

    def _told_apps(self, answer: Any) -> None:
        if isinstance(answer, IexecError):
            self.app.unknown(answer.message)
            self.refresh()
            return
        chosen, found = answer
        self._orders = dict.fromkeys(self._orders)
        self._known = {each.address: each for each in found}
        self.app.offer([(each.label, each.address) for each in found], first=True)
        self._fill(chosen)
        lab = self.where.lab
        is_toy = lab is not None and lab.session.network.funding_hint is not None
        is_first = not self.app.value and is_toy
        reveal(self._first, shown=is_first)
        self._demo.button_style = "primary" if is_first else ""
        self.refresh()

    def _app_changed(self) -> None:
        app, lab = self.app.value, self.where.lab
        if lab is not None and self.app.wanted:
            wanted = self.app.wanted
            self._names.ask(lambda: (wanted, known.named(lab, "app", wanted)))
        if lab is None or not is_name(app):
            return
        self._data.ask(lambda: known.datasets(lab, self.desk.folder, lab.session.to_address(app)))
        self._offers.ask(lambda: (app, known.orders(lab, "app", app, requester=lab.session.wallet.address)))

    def _told_data(self, answer: Any) -> None:
        if not isinstance(answer, IexecError):
            self.dataset.offer([(each.label, each.address) for each in answer], first=False)
            self.refresh()

    def _told_names(self, answer: Any) -> None:
        if isinstance(answer, IexecError):
            self.app.typed.tell(answer.message)
            return
        wanted, found = answer
        if wanted == self.app.wanted:
            self._known |= {each.address: each for each in found if each.address not in self._known}
            self.app.found([(each.label, each.address) for each in found])
            self.refresh()

    def _told_offers(self, answer: Any) -> None:
        if isinstance(answer, IexecError):
            return
        app, rows = answer
        if app == self.app.value:
            self.app.list.known = self.app.typed.known = _offers(rows, self._known.get(app))
            self.refresh()

    def _told_sizes(self, answer: Any) -> None:
        if isinstance(answer, IexecError):
            return
        sizes: list[Size] = answer
        before, control = self.size.value, self.size.control
        control.options = [("the smallest on offer", ""), *((each.label, str(each.number)) for each in sizes)]
        control.value = before if before in {value for _, value in control.options} else ""

    def _key_lines(self) -> list[list[str]]:
        """What is run before a run whose result only this wallet's key can read."""
        if not self.encrypt.value or self._key_is is None or self._key_is[0]:
            return []
        return [_PUSH_KEY] if self._key_is[1] else [_MAKE_KEY, _PUSH_KEY]

    def _ask_key(self) -> None:
        lab = self.where.lab
        assert lab is not None
        self._asked_key = True
        self._key.ask(lambda: (lab.result.check_encryption_key(), _private_key(lab)))

    def _told_key(self, answer: Any) -> None:
        if isinstance(answer, IexecError):
            self.encrypt.known = answer.message
            self._asked_key = False
            super().refresh()  # without asking again at once
            return
        self._key_is = answer
        self.encrypt.known = _KEY_SAID[answer]
        self.refresh()

    def _renew_key(self) -> None:
        """The key was made elsewhere: another pair takes its place."""

        def act() -> None:
            self.perform(_MAKE_KEY, shown=False)
            self.perform([*_PUSH_KEY, "--force-update"], shown=False)
            self._key_is, self.encrypt.known = (True, True), ""

        self.work(act)

    def _ask_cost(self) -> None:
        """Rehearse the run, when what it depends on is another than before."""
        lab = self.where.lab
        assert lab is not None
        words = [*self._words(), "--dry-run"]
        if self._key_lines():
            words.append("--skip-preflight-check")  # the key is pushed before the run
        asked = (id(lab), *words)
        if asked == self._asked:
            return
        self._asked = asked
        self._show_cost(cost.waiting("Asking what it costs …", self._price_card))
        self._cost.ask(partial(cost.rehearse, lab, self.desk.folder, words))

    def _told_cost(self, answer: Any) -> None:
        self._remedy = []
        if isinstance(answer, BalanceError):
            self._remedy = cost.remedy(answer)
        if isinstance(answer, IexecError):
            self._price_card = markup.Markup()
            self._show_cost(pieces.mistake(answer))
        else:
            self._price_card = cost.card(answer)
            self._show_cost(self._price_card)
        reveal(self._topping, shown=bool(self._remedy))

    def _show_cost(self, shown: markup.Markup) -> None:
        if self._price.value != shown:
            self._price.value = shown

    def _top_up(self) -> None:
        def act() -> None:
            for words in self._remedy:
                self.perform(words, shown=False)

        self.work(act)
        self._remedy, self._asked = [], ()
        self.where.look()
        self.refresh()

    def _get_demo(self) -> None:
        def act() -> None:
            for words in _DEMO:
                value = self.perform(words, shown=False)
            self.app.value = str(value)

        self.work(act)
        self._moved()


def _private_key(lab: IExec) -> bool:
    return is_file(beneficiary_key_file(lab.session, lab.session.own_address))


def _offers(rows: list[dict[str, Any]], entry: Known | None) -> str:
    """One sentence about the orders of an app."""
    if not rows:
        is_own = entry is not None and entry.why in {"yours", "deployed here"}
        return "Yours: its order is signed with the run." if is_own else "It has no order for this wallet."
    prices = [int(each["order"]["appprice"]) for each in rows]
    count = "1 order" if len(rows) == 1 else f"{len(rows)} orders"
    restricted = sum(1 for each in rows if int(each["order"]["requesterrestrict"], 16))
    more = f", {restricted} of them only for this wallet" if restricted else ""
    return f"{count}{more}: from {in_rlc(min(prices))} a task; the cheapest that fits is taken."
