"""The secret management service (SMS): which secrets exist, and pushing new ones.

A secret is pushed as plain text with its owner's signature over it; nobody can read it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from iexec_lab.errors import SmsError, ValidationError
from iexec_lab.protocol import to_address
from iexec_lab.services.http import TIMEOUT, Answer, Http

if TYPE_CHECKING:
    from iexec_lab.errors import ApiError
    from iexec_lab.protocol.challenge import SecretKind
    from iexec_lab.services.http import Query
    from iexec_lab.wallet.gate import Gate


class Sms:
    """One SMS.

    All methods raise SmsError when it cannot be reached or fails, and ApiError when it refuses.
    """

    def __init__(self, url: str, *, timeout: float = TIMEOUT) -> None:
        self._http = Http(url, SmsError, timeout=timeout)

    def has_dataset_secret(self, dataset: str) -> bool:
        """Whether the key of an encrypted dataset is there."""
        return self._exists(*_place("web3", dataset))

    def push_dataset_secret(self, dataset: str, value: str, gate: Gate) -> None:
        """Store a dataset's key, once and for all; the wallet must own the dataset."""
        self._push_once("web3", dataset, value, gate)

    def has_app_secret(self, app: str) -> bool:
        return self._exists(*_place("app", app))

    def push_app_secret(self, app: str, value: str, gate: Gate) -> None:
        """Store the secret of an app, once and for all; the wallet must own the app."""
        self._push_once("app", app, value, gate)

    def has_web2(self, owner: str, name: str) -> bool:
        """Whether a wallet has this named secret (result key, storage token)."""
        return self._exists(*_place("web2", owner, name))

    def push_web2(self, name: str, value: str, gate: Gate, *, update: bool = False) -> bool:
        """Store a named secret of the wallet; with ``update``, replace an older one.

        Returns:
            True when it replaced an older one.
        """
        path, query = _place("web2", gate.address, name)
        exists = self._exists(path, query)
        if exists and not update:
            raise self._exists_already(name, gate.address)
        self._accept(self._send("PUT" if exists else "POST", "web2", gate.address, name, value, gate))
        return exists

    def has_requester(self, requester: str, name: str) -> bool:
        """Whether a wallet has this secret for the apps it runs."""
        return self._exists(*_place("requester", requester, name))

    def push_requester(self, name: str, value: str, gate: Gate) -> None:
        """Store a secret of the wallet for the apps it runs, once and for all."""
        if self._exists(*_place("requester", gate.address, name)):
            raise self._exists_already(name, gate.address)
        self._accept(self._send("POST", "requester", gate.address, name, value, gate))

    def _push_once(self, kind: SecretKind, address: str, value: str, gate: Gate) -> None:
        address = to_address(address)
        answer = self._send("POST", kind, address, None, value, gate)
        if answer.status == 409:
            message = f"Secret already exists for {address} and can't be updated"
            raise self._http.api_error(message, answer).so_already(_STORED.format(f"The secret of {address}"))
        if answer.status == 401:
            message = f"Wallet {gate.address} is not allowed to set secret for {address}"
            hint = f"Only its owner may: use the wallet that owns {address}."
            raise self._http.api_error(message, answer, hint=hint)
        self._accept(answer)

    def _send(
        self, method: str, kind: SecretKind, address: str, name: str | None, value: str, gate: Gate
    ) -> Answer:
        path, query = _place(kind, address, name)
        signature = gate.secret(kind, address, name, value)
        return self._http.call(method, path, query, body=value, headers={"Authorization": signature})

    def _exists(self, path: str, query: Query) -> bool:
        answer = self._http.call("HEAD", path, query)
        if answer.status == 404:
            return False
        self._accept(answer)
        return True

    def _accept(self, answer: Answer) -> None:
        if not answer.ok:
            # The blank stays when a server gives no reason, as in the official SDK.
            message = f"SMS answered with unexpected status: {answer.status} {answer.reason}"
            raise self._http.api_error(message, answer)

    def _exists_already(self, name: str, owner: str) -> ApiError:
        error = self._http.api_error(f'Secret "{name}" already exists for {owner}')
        return error.so_already(_STORED.format(f'The secret "{name}" of {owner}'))


_STORED = "{} is stored already and was left as it is; whether it is the same one, nobody can see."


def _place(kind: SecretKind, address: str, name: str | None = None) -> tuple[str, Query]:
    """Path and query of a secret; slashes in a name stay, as in the official SDK."""
    address = to_address(address)
    if kind == "web3":
        return "/secrets/web3", {"secretAddress": address}
    if kind == "web2":
        return "/secrets/web2", {"ownerAddress": address, "secretName": name}
    if kind == "app":
        return f"/apps/{address}/secrets", {}
    try:
        return f"/requesters/{address}/secrets/{quote(name or '', safe='/')}", {}
    except (TypeError, UnicodeEncodeError):
        raise ValidationError("the name of a secret must be valid Unicode text") from None
