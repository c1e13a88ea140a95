"""The form that chooses a network and unlocks a wallet, and shows its balance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from iexec_lab.notebook.forms.form import Form

if TYPE_CHECKING:
    from collections.abc import Sequence

SANDBOX = "sandbox"


class ConnectForm(Form):
    """``connect`` with the balance below, and on the sandbox a button that fills the wallet."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._run.description = "Connect"
        self._run.icon = "plug"
        self._faucet = widgets.Button(
            description="Get test RLC", icon="tint", layout=widgets.Layout(display="none")
        )
        self._faucet.on_click(lambda _button: self._fund())
        self._balance = widgets.Output()
        row, output = self.box.children[-2:]
        row.children = (*row.children, self._faucet)
        self.box.children = (*self.box.children[:-2], row, output, self._balance)

    def run(self, *more: str) -> None:
        self.value = None
        super().run(*more)
        if self.value is None:
            return
        session = self.value.session
        self._faucet.layout.display = "" if session.network.name.startswith(SANDBOX) else "none"
        self._show_balance()

    def _show_balance(self) -> None:
        self._balance.clear_output()
        with self._balance:
            self._show_value(["wallet", "show"])
            self._show_value(["account", "show"])

    def _show_value(self, words: Sequence[str]) -> None:
        lab, self.value = self.value, None
        self._show(list(words))
        self.value = lab

    def _fund(self) -> None:
        address = self.value.session.wallet.address
        with self._balance:
            self._show_value(["sandbox", "fund", address])
        self._show_balance()
