"""The wallet's secrets, which it can give to the apps it runs."""

from __future__ import annotations

from operator import itemgetter
from typing import ClassVar

from iexec_lab.client.nouns._noun import Noun


class Requester(Noun):
    """``lab.requester``, also ``lab.secrets``: the wallet's secrets for the apps it runs."""

    _PICKS: ClassVar = {"check_secret": itemgetter("isSet")}

    def push_secret(
        self, name: str, secret_value: str | None = None, tee_framework: str | None = None
    ) -> str:
        """Store a secret of the wallet under a name, where it can never be replaced; return the name.

        Runs use it with ``secret={1: name}``.

        Args:
            name: Free text.
            secret_value: The secret; None asks for it.
            tee_framework: Secret service of ``scone``, ``gramine`` or ``tdx`` (default: the network's
                own).

        Raises:
            ApiError: There is a secret of that name already.
            SmsError: The service was not reached.
            AbortedError: Nobody could be asked.
        """
        value = secret_value if secret_value is not None else self.session.ask(f"Secret {name}")
        self.session.sms(tee_framework).push_requester(name, value, self.session.gate)
        return name

    def check_secret(self, name: str, address: str | None = None, tee_framework: str | None = None) -> bool:
        """Whether an address has a secret of that name.

        Args:
            name: Name of the secret.
            address: Whose (default: the wallet's).
            tee_framework: Secret service of ``scone``, ``gramine`` or ``tdx`` (default: the network's
                own).

        Raises:
            SmsError: The service was not reached.
        """
        return bool(self._value("check_secret", self._fetch_check_secret(name, address, tee_framework)))

    def _fetch_check_secret(
        self, name: str, address: str | None = None, tee_framework: str | None = None
    ) -> dict[str, str | bool]:
        owner = self.session.to_address(address or self.session.address)
        return {"isSet": self.session.sms(tee_framework).has_requester(owner, name), "name": name}
