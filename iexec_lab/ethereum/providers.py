"""Public providers of Ethereum mainnet: which there are, and how several of them act as one node.

``chain.json`` names them (``alchemy``, ``etherscan``, ``infura``); once one has a key, those without are not
used, as in the official SDK. ``quorum`` is how many must give the same answer. Ours because no provider of
web3 compares the answers of several nodes.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from urllib.parse import urlencode

from iexec_lab.errors import CallError, ConfigurationError
from iexec_lab.ethereum.refusals import Refusal, is_doubtful, refusal
from iexec_lab.ethereum.rpc import Rpc, to_int
from iexec_lab.ethereum.transport import HINT_KEY, HINT_LIMIT, RpcFault, fault_of, is_throttled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from iexec_lab.ethereum.rpc import Provider, Request

T = TypeVar("T")

MAINNET = 1
NOT_SERVED = -32601
OPEN_HOSTS = ("https://cloudflare-eth.com", "https://ethereum-rpc.publicnode.com")
ALCHEMY = "https://eth-mainnet.g.alchemy.com/v2/"
INFURA = "https://mainnet.infura.io/v3/"
ETHERSCAN = "https://api.etherscan.io/v2/api"

# With a quorum, "latest" becomes one block number for all; these methods take it as last parameter.
_AT_LATEST = {"eth_call", "eth_getBalance", "eth_getCode", "eth_getStorageAt", "eth_getTransactionCount"}
# Honest nodes differ here, so one answer is chosen instead of counting equal ones.
_CHOICE: Mapping[str, Callable[[list[int]], int]] = {
    "eth_blockNumber": min,
    "eth_estimateGas": max,
    "eth_gasPrice": lambda values: sorted(values)[len(values) // 2],
    "eth_maxPriorityFeePerGas": lambda values: sorted(values)[len(values) // 2],
}
# What identifies a block, a transaction or a receipt; nodes add other fields.
_IDENTITY = ("hash", "blockHash", "transactionHash", "status", "number", "stateRoot")


def open_providers(keys: Mapping[str, Any] | None = None, *, timeout: float = 30) -> Provider:
    """Ethereum mainnet through the providers that have a key, else through those that need none.

    Raises:
        ConfigurationError: The quorum is above the number of providers.
    """
    settings = dict(keys or {})
    quorum = int(settings.pop("quorum", 1) or 1)
    found: list[Provider] = []
    if settings.get("infura"):
        found.append(_infura(settings["infura"], timeout))
    if settings.get("alchemy"):
        found.append(Rpc(ALCHEMY + str(settings["alchemy"]), timeout=timeout, attempts=2))
    if settings.get("etherscan"):
        found.append(Etherscan(str(settings["etherscan"]), timeout=timeout))
    if not found:
        found = [Rpc(host, timeout=timeout, attempts=2) for host in OPEN_HOSTS]
    if quorum > len(found):
        raise ConfigurationError(
            f"A quorum of {quorum} needs as many providers",
            details={"providers": ", ".join(provider.name for provider in found)},
            hint="Add keys of more providers to chain.json, or lower the quorum.",
        )
    return found[0] if len(found) == 1 else ProviderSet(found, quorum)


def _infura(key: str | Mapping[str, str], timeout: float) -> Rpc:
    if isinstance(key, str):
        return Rpc(INFURA + key, timeout=timeout, attempts=2)
    secret = key.get("projectSecret")
    headers = {"Authorization": "Basic " + b64encode(f":{secret}".encode()).decode()} if secret else {}
    return Rpc(INFURA + key["projectId"], timeout=timeout, attempts=2, headers=headers)


class ProviderSet:
    """Several providers of one chain.

    With a quorum of 1 the first answer counts; with more, that many must agree. A transaction goes to all of
    them: it is the same transaction wherever it arrives.
    """

    def __init__(self, providers: Sequence[Provider], quorum: int = 1) -> None:
        self.providers = list(providers)
        self.quorum = quorum

    def __repr__(self) -> str:
        return f"ProviderSet({self.name}, quorum={self.quorum})"

    @property
    def name(self) -> str:
        return ", ".join(provider.name for provider in self.providers)

    @property
    def batches(self) -> bool:
        return all(getattr(provider, "batches", True) for provider in self.providers)

    @property
    def chain_id(self) -> int:
        return to_int(self.request("eth_chainId"))

    def request(self, method: str, *params: Any) -> Any:
        answer = self.attempt(method, *params)
        if isinstance(answer, RpcFault):
            raise answer.error(method)
        return answer

    def attempt(self, method: str, *params: Any) -> Any | RpcFault:
        if method.startswith("eth_send"):
            return _of_all(self._all(lambda provider: provider.attempt(method, *params)))
        if method == "eth_getTransactionByHash":
            # A provider that does not know a transaction may be late; one that knows it is enough.
            answers = self._all(lambda provider: provider.attempt(method, *params))
            return min(answers, key=lambda answer: (isinstance(answer, RpcFault), answer is None))
        if self.quorum > 1:
            return self._agree([(method, params)])[0]
        fault: Any | RpcFault = None
        for provider in self.providers:
            fault = provider.attempt(method, *params)
            if _rank(fault) < 2:
                return fault
        return fault

    def batch(self, requests: Sequence[Request]) -> list[Any]:
        if self.quorum > 1:
            return self._agree(requests)
        results = _batch(self.providers[0], requests)
        for provider in self.providers[1:]:
            missing = [place for place, result in enumerate(results) if _rank(result) == 2]
            if not missing:
                break
            again = _batch(provider, [requests[place] for place in missing])
            for place, result in zip(missing, again, strict=True):
                results[place] = result
        if results and all(isinstance(result, RpcFault) and result.code == 0 for result in results):
            raise results[0].error(requests[0][0])
        return results

    def _agree(self, requests: Sequence[Request]) -> list[Any]:
        pinned = self._pin(requests)
        answers = self._all(lambda provider: _batch(provider, pinned))
        return [
            self._choose(method, [answer[place] for answer in answers])
            for place, (method, _) in enumerate(requests)
        ]

    def _pin(self, requests: Sequence[Request]) -> list[Request]:
        """All providers are asked about the same block, the newest that enough of them know."""
        if not any(method in _AT_LATEST and params and params[-1] == "latest" for method, params in requests):
            return list(requests)
        heads = self._all(lambda provider: provider.attempt("eth_blockNumber"))
        known = sorted((to_int(head) for head in heads if not isinstance(head, RpcFault)), reverse=True)
        if len(known) < self.quorum:
            return list(requests)
        head = hex(known[self.quorum - 1])
        return [
            (method, [*params[:-1], head] if method in _AT_LATEST and params[-1:] == ["latest"] else params)
            for method, params in ((method, list(params)) for method, params in requests)
        ]

    def _choose(self, method: str, answers: list[Any]) -> Any | RpcFault:
        said = [answer for answer in answers if _rank(answer) < 2]
        if method in _CHOICE:
            numbers = [to_int(answer) for answer in said if not isinstance(answer, RpcFault)]
            if len(numbers) >= self.quorum:
                return hex(_CHOICE[method](numbers))
        votes = Counter(map(_fingerprint, said))
        winner, count = votes.most_common(1)[0] if votes else ("", 0)
        if count >= self.quorum:
            return next(answer for answer in said if _fingerprint(answer) == winner)
        if len(said) < self.quorum:
            return next(answer for answer in answers if _rank(answer) == 2)
        opinions = "; ".join(
            f"{provider.name}: {_fingerprint(answer):.100}"
            for provider, answer in zip(self.providers, answers, strict=True)
        )
        return RpcFault(
            0,
            f"The providers disagree on {method} ({opinions})",
            hint="Try again in a moment; if they still differ, one of them is wrong: change providers.",
            url=self.name,
        )

    def _all(self, work: Callable[[Provider], T]) -> list[T]:
        with ThreadPoolExecutor(len(self.providers)) as pool:
            return list(pool.map(work, self.providers))


class Etherscan(Rpc):
    """The part of JSON-RPC that Etherscan's API offers; other methods are refused as "not served"."""

    # method -> the API's names of the parameters, in order; an object of call fields stands as "call"
    _SERVED: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "eth_blockNumber": (),
        "eth_call": ("call", "tag"),
        "eth_estimateGas": ("call",),
        "eth_gasPrice": (),
        "eth_getBlockByNumber": ("tag", "boolean"),
        "eth_getCode": ("address", "tag"),
        "eth_getStorageAt": ("address", "position", "tag"),
        "eth_getTransactionByHash": ("txhash",),
        "eth_getTransactionCount": ("address", "tag"),
        "eth_getTransactionReceipt": ("txhash",),
        "eth_sendRawTransaction": ("hex",),
    }

    def __init__(self, key: str, *, url: str = ETHERSCAN, timeout: float = 30, attempts: int = 2) -> None:
        super().__init__(url, timeout=timeout, attempts=attempts)
        self._key = key
        self._chain_id = MAINNET
        self._max_batch = 1

    def attempt(self, method: str, *params: Any) -> Any | RpcFault:
        if method == "eth_chainId":
            return hex(MAINNET)
        query = {"chainid": str(MAINNET), "apikey": self._key}
        if method == "eth_getBalance":
            query |= {"module": "account", "action": "balance", "address": params[0], "tag": params[1]}
        elif method in self._SERVED:
            query |= {"module": "proxy", "action": method}
            for name, value in zip(self._SERVED[method], params, strict=False):
                query |= value if name == "call" else {name: _text(value)}
        else:
            return RpcFault(NOT_SERVED, f"Etherscan does not serve {method}", url=self.name)
        sends = method == "eth_sendRawTransaction"
        return self._again(
            lambda deadline: self._ask(method, query, deadline), 1 if sends else self._attempts
        )

    def batch(self, requests: Sequence[Request]) -> list[Any]:
        """One by one: the API knows no batches."""
        return [self.attempt(method, *params) for method, params in requests]

    def _ask(self, method: str, query: Mapping[str, str], deadline: float) -> Any | RpcFault:
        answer = self._post(urlencode(query).encode(), deadline, "application/x-www-form-urlencoded")
        if isinstance(answer, RpcFault):
            return answer
        if isinstance(answer, dict) and answer.get("message") == "NOTOK":
            words = str(answer.get("result"))
            slow = is_throttled(None, words)
            return RpcFault(
                0, f"Etherscan: {words}", retry=slow, hint=HINT_LIMIT if slow else HINT_KEY, url=self.name
            )
        fault = fault_of(answer, self.name)
        if fault is not None:
            return fault
        result = answer.get("result")
        if method == "eth_getBalance" and isinstance(result, str) and _DECIMAL.fullmatch(result):
            result = hex(int(result))  # the account module counts in decimal
        return self._read(method, result)


_DECIMAL = re.compile(r"[0-9]{1,78}")


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _batch(provider: Provider, requests: Sequence[Request]) -> list[Any]:
    """A batch; a provider that cannot be asked gives a fault for each request."""
    try:
        return provider.batch(requests)
    except CallError as error:
        fault = RpcFault(0, error.message, lost=True, hint=error.hint, url=provider.name)
        return [fault] * len(requests)


def _rank(answer: Any) -> int:
    """0 a result, 1 the chain's refusal, 2 no opinion."""
    if not isinstance(answer, RpcFault):
        return 0
    return 2 if answer.code in {0, NOT_SERVED} or answer.retry else 1


def _of_all(answers: Sequence[Any]) -> Any | RpcFault:
    """The joint answer about a transaction that each of them was given.

    One that took it is enough. A refusal counts only when all refuse: one whose answer was lost may have it.
    """
    best = min(answers, key=_rank)
    if not isinstance(best, RpcFault):
        return best
    faults = [answer for answer in answers if isinstance(answer, RpcFault)]
    known = next((fault for fault in faults if refusal(fault) is Refusal.KNOWN), None)
    if known is not None:
        return known
    return replace(best, lost=True) if any(map(is_doubtful, faults)) else best


def _fingerprint(answer: Any) -> str:
    if isinstance(answer, RpcFault):
        return answer.text()
    if isinstance(answer, dict):
        answer = {name: answer[name] for name in _IDENTITY if name in answer} or answer
    return json.dumps(answer, sort_keys=True).lower()
