"""Secrets of the wallet, which the apps it runs can be given."""

from __future__ import annotations

from typing import Any

from iexec_lab.client.verbs import Noun, verb


def _is_set(_noun: Noun, plain: dict[str, Any]) -> bool:
    return bool(plain["isSet"])


class Requester(Noun):
    """``lab.requester``, also ``lab.secrets``."""

    @verb(raw=lambda name: {"isPushed": True, "name": name})
    def push_secret(
        self, name: str, secret_value: str | None = None, tee_framework: str | None = None
    ) -> str:
        """Store a secret of the wallet under a name, once and for ever; the name.

        Without ``secret_value`` it is asked for. Runs use it with ``secret={1: name}``.

        Raises:
            ApiError: There is one of that name.
        """
        value = secret_value if secret_value is not None else self.session.ask(f"Secret {name}")
        self.session.sms(tee_framework).push_requester(name, value, self.session.signer)
        return name

    @verb(value=_is_set)
    def check_secret(
        self, name: str, address: str | None = None, tee_framework: str | None = None
    ) -> dict[str, str | bool]:
        """Whether an address (default: the wallet's) has a secret of that name."""
        owner = self.session.to_address(address or self.session.address)
        return {"isSet": self.session.sms(tee_framework).has_requester(owner, name), "name": name}
