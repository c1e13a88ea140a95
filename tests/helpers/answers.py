"""Verbs as commands call them: what they find before it is drawn, and its official JSON."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from unittest.mock import MagicMock

from iexec_lab.client.iexec import IExec
from iexec_lab.commands.official_json import fetch


def facts(lab, verb, *args, **values):
    """What the verb found."""
    return fetch(lab, verb, *args, **values).facts


def official(lab, verb, *args, **values):
    """What the command of that verb prints with ``--raw``, without ``ok``."""
    return fetch(lab, verb, *args, **values).to_official_json()


USER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
ANSWER = {"amount": "5", "name": "n", "address": USER, "url": "http://x"}


class Recorder:
    """Stands in for a lab: takes only the arguments that the real verbs take."""

    def __init__(self):
        self.real = IExec(MagicMock())
        self.session = SimpleNamespace(network=SimpleNamespace(id=134))
        self.calls = []

    def __getattr__(self, noun):
        def verb(name):
            real = getattr(getattr(self.real, noun), name)

            def called(*args, **kwargs):
                inspect.signature(real).bind(*args, **kwargs)
                self.calls.append((f"{noun}.{name.removeprefix('_fetch_')}", kwargs))
                return ANSWER

            called.__signature__ = inspect.signature(real)
            return called

        return type("Noun", (), {"__getattr__": lambda _self, name: verb(name)})()
