"""What a verb finds before it is drawn, and the official JSON of it, as commands ask for them."""

from __future__ import annotations

from iexec_lab.commands.official_json import fetch


def facts(lab, verb, *args, **values):
    """What the verb found."""
    return fetch(lab, verb, *args, **values).facts


def official(lab, verb, *args, **values):
    """What the command of that verb prints with ``--raw``, without ``ok``."""
    return fetch(lab, verb, *args, **values).to_official_json()
