"""A wallet in a browser (EIP-1193): it signs and sends, and no private key comes near this process.

``ask`` brings a request to the browser and its answer back: a notebook widget, or ``page.PageWallet``.
"""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import IexecError, SignatureError, TransactionError, ValidationError, WalletError
from iexec_lab.protocol.signatures import personal_digest, recover_address
from iexec_lab.protocol.typed_data import domain_types, find_primary_type, hash_typed_data
from iexec_lab.protocol.values import is_address, to_address, to_bytes32

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iexec_lab.wallet.signer import TypedMembers

    Ask = Callable[[str, list[Any]], Any]

# EIP-1193 and EIP-3326 error codes.
REJECTED, UNAUTHORIZED, DISCONNECTED, UNKNOWN_CHAIN = 4001, 4100, 4900, 4902
SENDS = "eth_sendTransaction"

_HINTS = {
    REJECTED: "The request was refused in the wallet; nothing was signed or sent.",
    UNAUTHORIZED: "Allow this page to use the account in the wallet.",
    DISCONNECTED: "Open the page in a browser that has a wallet, and unlock it.",
}


_LOOK_FIRST = (
    "It may have been sent, or may still be approved: look in the wallet before you send it again. "
    "The same request is not made twice until the wallet answers or its page is reloaded."
)


class WalletRefusal(Exception):  # noqa: N818 -- not an error for users: BrowserSigner says what it means
    """The wallet's answer to one request when there is no result; raised by ``ask``.

    Attributes:
        code: Of EIP-1193.
        message: The wallet's words, or ours if it gave none.
        may_be_sent: A page has the request, and its outcome is not known.
        tx_hash: The transaction that was sent all the same.
    """

    def __init__(
        self, code: int, message: str, *, may_be_sent: bool = False, tx_hash: str | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.may_be_sent = may_be_sent
        self.tx_hash = tx_hash

    @classmethod
    def from_json(cls, error: Any) -> WalletRefusal:
        """From ``{"code": ..., "message": ...}``; a page can send anything."""
        fields = error if isinstance(error, dict) else {}
        code = fields.get("code")
        return cls(code if isinstance(code, int) else -32603, str(fields.get("message") or "no reason given"))


class LeftInWallet(KeyboardInterrupt):
    """Interrupted during a request to send something, which the wallet may still do."""

    def __init__(self) -> None:
        super().__init__(f"Interrupted while the wallet was asked to send a transaction. {_LOOK_FIRST}")

    def _render_traceback_(self) -> list[str]:
        """IPython shows this line in place of a traceback."""
        return [str(self)]


class BrowserSigner:
    """Signs and sends through a browser wallet.

    Args:
        ask: ``ask(method, params)`` gives the wallet's result or raises ``WalletRefusal``.
        address: The account that must sign; None takes the wallet's first.
        chain: ``wallet_addEthereumChain``'s object for a chain that the wallet may not know: ``chainId``,
            ``chainName``, ``rpcUrls``, ``nativeCurrency``.
    """

    def __init__(
        self, ask: Ask, *, address: str | None = None, chain: Mapping[str, Any] | None = None
    ) -> None:
        self._ask = ask
        self._wanted = None if address is None else to_address(address)
        self._chain = dict(chain or {})

    def __repr__(self) -> str:
        return "BrowserSigner()"

    @cached_property
    def address(self) -> str:
        """The account; the wallet asks its user once for permission to show it.

        Raises:
            WalletError: The user said no, there is no wallet, or it has another account.
        """
        accounts = self._request("eth_requestAccounts", [], WalletError)
        found = (
            [to_address(each) for each in accounts if is_address(each)] if isinstance(accounts, list) else []
        )
        if not found:
            raise WalletError("The browser wallet has no account", hint=_HINTS[DISCONNECTED])
        if self._wanted is None:
            return found[0]
        if self._wanted not in found:
            raise WalletError(
                f"The browser wallet does not offer {self._wanted}",
                details={"offered": ", ".join(found)},
                hint="Choose the account in the wallet.",
            )
        return self._wanted

    def sign_typed_data(
        self, domain: Mapping[str, Any], types: TypedMembers, message: Mapping[str, Any]
    ) -> str:
        """EIP-712; the wallet shows it member by member.

        Raises:
            SignatureError: Refused, or signed by another account.
        """
        structs = {name: list(members) for name, members in types.items() if name != "EIP712Domain"}
        digest = hash_typed_data(dict(domain), structs, dict(message))
        if domain.get("chainId") is not None:
            self.use_chain(int(domain["chainId"]), SignatureError)
        shown = {
            "types": {"EIP712Domain": domain_types(domain), **structs},
            "primaryType": find_primary_type(structs),
            "domain": dict(domain),
            "message": dict(message),
        }
        text = json.dumps(shown, default=_plain)
        return self._checked(
            digest, self._request("eth_signTypedData_v4", [self.address, text], SignatureError)
        )

    def sign_message(self, data: bytes) -> str:
        """``personal_sign``; SignatureError when refused, or signed by another account."""
        params = ["0x" + data.hex(), self.address]
        return self._checked(personal_digest(data), self._request("personal_sign", params, SignatureError))

    def send_transaction(self, transaction: Mapping[str, Any]) -> str:
        """Let the wallet send; return the hash.

        Raises:
            TransactionError: Refused, not answered, or the answer is not a hash.
            LeftInWallet: A ``KeyboardInterrupt`` during the request.
        """
        fields = {"from": self.address, **transaction}
        if "chainId" in fields:
            self.use_chain(int(str(fields["chainId"]), 0), TransactionError)
        try:
            answer = self._ask(SENDS, [fields])
        except WalletRefusal as refusal:
            hint = _LOOK_FIRST if refusal.may_be_sent else _HINTS.get(refusal.code)
            raise TransactionError(
                refusal.message, tx_hash=refusal.tx_hash, details={"request": SENDS}, hint=hint
            ) from None
        except KeyboardInterrupt:
            raise LeftInWallet from None
        try:
            return to_bytes32(answer)
        except ValidationError:
            raise TransactionError(
                "The browser wallet did not answer with a transaction hash",
                hint="Look in the wallet whether it was sent before you send it again.",
            ) from None

    def use_chain(self, chain_id: int, error: type[IexecError] = WalletError) -> None:
        """Switch the wallet to this chain, which its user may have to allow; raise ``error`` on failure."""
        if self._current_chain(error) == chain_id:
            return
        wanted = {"chainId": hex(chain_id)}
        try:
            self._ask("wallet_switchEthereumChain", [wanted])
        except WalletRefusal as refusal:
            if refusal.code != UNKNOWN_CHAIN or int(str(self._chain.get("chainId", 0)), 0) != chain_id:
                raise error(
                    f"The browser wallet is not on chain {chain_id}: {refusal.message}",
                    hint=_HINTS.get(refusal.code, "Add the chain to the wallet and choose it there."),
                ) from None
            self._request("wallet_addEthereumChain", [self._chain], error)
        if self._current_chain(error) != chain_id:
            raise error(
                f"The browser wallet is not on chain {chain_id}", hint="Choose the chain in the wallet."
            )

    def _current_chain(self, error: type[IexecError]) -> int:
        answer = self._request("eth_chainId", [], error)
        try:
            return int(str(answer), 0)
        except ValueError:
            raise error("The browser wallet does not say which chain it is on") from None

    def _request(self, method: str, params: list[Any], error: type[IexecError]) -> Any:
        try:
            return self._ask(method, params)
        except WalletRefusal as refusal:
            raise error(refusal.message, details={"request": method}, hint=_HINTS.get(refusal.code)) from None

    def _checked(self, digest: bytes, signature: Any) -> str:
        """The signature, if this account made it; one of another length is a smart account's, unchecked."""
        text = signature.lower() if isinstance(signature, str) else ""
        try:
            size = len(bytes.fromhex(text.removeprefix("0x"))) if text.startswith("0x") else 0
        except ValueError:
            size = 0
        if size == 0:
            raise SignatureError("The browser wallet did not answer with a signature")
        if size != 65:
            return text
        try:
            signer = recover_address(digest, text)
        except ValidationError:
            signer = "nobody"
        if signer != self.address:
            raise SignatureError(
                f"The browser wallet signed as {signer}, not as {self.address}",
                hint="Choose the account in the wallet. Smart accounts can sign orders on chain instead.",
            )
        return text


def _plain(value: Any) -> str:
    if isinstance(value, bytes | bytearray):
        return "0x" + value.hex()
    raise TypeError(f"{type(value).__name__} in typed data")
