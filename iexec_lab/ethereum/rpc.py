"""JSON-RPC to an Ethereum node: single requests and batches; reads are repeated, transactions never.

Ours because web3 takes 15 times as long to import (837 modules against 150), bounds each read of the socket
instead of the exchange, and sends a batch in one piece: here it is cut to what nodes take, 100 requests or
1.9 MB, and to half of that whenever a node refuses.
"""

from __future__ import annotations

import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol

from iexec_lab.errors import CallError
from iexec_lab.ethereum.answers import read_answer, to_int
from iexec_lab.ethereum.transport import (
    RpcFault,
    check_url,
    fault_of,
    is_throttled,
    post,
)
from iexec_lab.urls import is_loopback, shown_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import requests

    Request = tuple[str, Sequence[Any]]

__all__ = ["Provider", "Rpc", "to_int"]

# anvil refuses bodies over 2 MB, ethers sends at most 100 requests at once.
MAX_BATCH = 100
MAX_BATCH_BYTES = 1_900_000
PARALLEL_BATCHES = 4

_READS = (
    "eth_blockNumber",
    "eth_call",
    "eth_chainId",
    "eth_estimateGas",
    "eth_feeHistory",
    "eth_gasPrice",
    "eth_get",
    "eth_maxPriorityFeePerGas",
    "net_",
    "web3_",
)


class Provider(Protocol):
    """A node, or a set of nodes, as the rest of this room uses it."""

    @property
    def chain_id(self) -> int: ...

    @property
    def name(self) -> str:
        """The node's name, without keys."""

    def attempt(self, method: str, *params: Any) -> Any | RpcFault: ...

    def request(self, method: str, *params: Any) -> Any: ...

    def batch(self, requests: Sequence[Request]) -> list[Any]: ...


class Rpc:
    """One node over HTTP; may be used from several threads.

    Args:
        url: Address of the node.
        timeout: Seconds that one exchange may take in all.
        session: A ``requests`` session to use, e.g. one with its own proxy or certificates.
        attempts: How often a read is tried when the node is down or limits requests, within ``timeout``.
        pause: Seconds before the second attempt; doubled each time, with jitter.
        headers: Sent with every request, e.g. an authorisation.

    Raises:
        ConfigurationError: ``Invalid provider host name or url``.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 30,
        session: requests.Session | None = None,
        attempts: int = 4,
        pause: float = 0.25,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.url = check_url(url)
        self.timeout = timeout
        self._attempts = attempts
        self._pause = pause
        self._session = session
        self._headers = dict(headers or {})
        self._lock = threading.Lock()
        self._chain_id: int | None = None
        self._max_batch = MAX_BATCH

    def __repr__(self) -> str:
        return f"Rpc({shown_url(self.url)!r})"

    @property
    def name(self) -> str:
        return shown_url(self.url)

    @property
    def batches(self) -> bool:
        """Whether several reads take no longer than one, as far as the node has shown."""
        return self._max_batch > 1

    @property
    def chain_id(self) -> int:
        """``eth_chainId``, read once.

        Raises:
            CallError: The node cannot be asked.
        """
        if self._chain_id is None:
            self._chain_id = to_int(self.request("eth_chainId"))
        return self._chain_id

    def request(self, method: str, *params: Any) -> Any:
        """The result of one request.

        Raises:
            CallError: The node refused, reverted, or could not be asked; the hint says what to do.
        """
        answer = self.attempt(method, *params)
        if isinstance(answer, RpcFault):
            raise answer.error(method)
        return answer

    def attempt(self, method: str, *params: Any) -> Any | RpcFault:
        """The result, or the fault in its place; only reads are tried again."""
        payload = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        attempts = self._attempts if method.startswith(_READS) else 1

        def ask(deadline: float) -> Any | RpcFault:
            answer = self._post(payload, deadline)
            if isinstance(answer, RpcFault):
                return answer
            return fault_of(answer, self.name) or self._read(method, answer.get("result"))

        return self._again(ask, attempts)

    def batch(self, requests: Sequence[Request]) -> list[Any]:
        """Results of many reads in a few round trips, in order; a failed one is an ``RpcFault``.

        Raises:
            CallError: The node could not be asked at all.
        """
        packed = [(method, list(params)) for method, params in requests]
        chunks = self._chunks(packed)
        if len(chunks) < 2:
            return [result for chunk in chunks for result in self._batch(chunk)]
        with ThreadPoolExecutor(PARALLEL_BATCHES) as pool:
            return [result for results in pool.map(self._batch, chunks) for result in results]

    def _chunks(self, requests: list[tuple[str, list[Any]]]) -> list[list[tuple[str, list[Any]]]]:
        chunks: list[list[tuple[str, list[Any]]]] = []
        size = 0
        for request in requests:
            length = len(json.dumps(request)) + 60  # the envelope: jsonrpc, id and names
            if not chunks or len(chunks[-1]) >= self._max_batch or size + length > MAX_BATCH_BYTES:
                chunks.append([])
                size = 0
            chunks[-1].append(request)
            size += length
        return chunks

    def _batch(self, requests: list[tuple[str, list[Any]]]) -> list[Any]:
        if len(requests) == 1:
            method, params = requests[0]
            answer = self.attempt(method, *params)
            if isinstance(answer, RpcFault) and answer.code == 0:
                raise answer.error(method)
            return [answer]
        payload = json.dumps(
            [
                {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
                for number, (method, params) in enumerate(requests)
            ]
        ).encode()
        answer = self._again(lambda deadline: self._post_batch(payload, requests, deadline), self._attempts)
        if not isinstance(answer, RpcFault):
            return self._ask_throttled_again(requests, answer)
        if answer.lost or answer.retry:
            raise answer.error(requests[0][0])
        # The node answered, but refused a batch of this size: it takes smaller ones, or none.
        middle = len(requests) // 2
        self._max_batch = min(self._max_batch, max(middle, 1))
        return self._batch(requests[:middle]) + self._batch(requests[middle:])

    def _post_batch(
        self, payload: bytes, requests: list[tuple[str, list[Any]]], deadline: float
    ) -> list[Any] | RpcFault:
        answers = self._post(payload, deadline)
        if isinstance(answers, RpcFault):
            return answers
        if isinstance(answers, dict):
            return fault_of(answers, self.name) or RpcFault(0, "not a batch", url=self.name)
        found = {
            answer["id"]: answer
            for answer in answers
            if isinstance(answer, dict) and type(answer.get("id")) is int  # True is not the id of a request
        }
        results = []
        for number, (method, _) in enumerate(requests):
            fault = fault_of(found.get(number), self.name)
            if fault is not None and fault.lost:
                return fault
            results.append(fault or self._read(method, found[number].get("result")))
        return results

    def _read(self, method: str, result: Any) -> Any | RpcFault:
        try:
            return read_answer(method, result)
        except CallError as error:  # what such a request did is not known
            return RpcFault(0, error.message, lost=True, hint=error.hint, url=self.name)

    def _ask_throttled_again(self, requests: list[tuple[str, list[Any]]], results: list[Any]) -> list[Any]:
        """Repeat the requests of a batch that the node refused as too many."""
        for place, result in enumerate(results):
            if isinstance(result, RpcFault) and is_throttled(result.code, result.message):
                method, params = requests[place]
                results[place] = self.attempt(method, *params)
        return results

    def _post(
        self, payload: bytes, deadline: float, content_type: str = "application/json"
    ) -> Any | RpcFault:
        if self._session is None:
            with self._lock:
                if self._session is None:
                    self._session = _new_session(self.url, self._headers)
        return post(self._session, self.url, payload, self.timeout, content_type, deadline=deadline)

    def _again(self, ask: Callable[[float], Any | RpcFault], attempts: int) -> Any | RpcFault:
        """Ask until there is an answer; all attempts share the time-out."""
        deadline = time.monotonic() + self.timeout
        answer = ask(deadline)
        for number in range(attempts - 1):
            if not isinstance(answer, RpcFault) or not answer.retry:
                return answer
            pause = max(answer.wait, self._pause * 2**number * random.uniform(0.5, 1.5))  # noqa: S311
            if time.monotonic() + pause >= deadline:
                return answer
            time.sleep(pause)
            answer = ask(deadline)
        return answer


def _new_session(url: str, headers: Mapping[str, str]) -> requests.Session:
    from iexec_lab.http_deadline import PatientSession

    session = PatientSession(pooled=16)
    session.trust_env = not is_loopback(url)  # no proxy can reach our loopback
    session.headers.update(headers)
    return session
