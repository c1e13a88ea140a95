"""Reads that are foreseen come along with those that are asked now: one round trip instead of several.

    with one_look():
        expect(rpc, [Call(hub, HUB.viewAccount, (user,)).request()])
        owner = read(rpc, [Call(app, OWNABLE.owner)])           # one batch of two
        ...
        account = read(rpc, [Call(hub, HUB.viewAccount, (user,))])   # is here already

Code that reads stays as it is, in its order, with its checks and errors: only its trips become fewer. A
foreseen answer is used once, within ``LASTS`` seconds, and never after a transaction was sent or somebody
was asked (``forget``). One that is not there, or that the node failed to give, is asked for when needed.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from iexec_lab.errors import CallError
from iexec_lab.ethereum.answers import to_int
from iexec_lab.ethereum.transport import RpcFault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from iexec_lab.ethereum.rpc import Provider, Request

    Key = tuple[int, str, str]

LASTS = 5.0
AT_ONCE = 1.0
"""Seconds within which a failed batch is asked again without what came along: that may be the reason."""


class _Found(NamedTuple):
    """A foreseen answer, when it was asked for (monotonic), and how many transactions had been sent then."""

    answer: Any
    asked: float
    sent: int


class _Look:
    """What is foreseen in one block; threads may share it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.wanted: dict[Key, Request] = {}
        self.found: dict[Key, _Found] = {}

    def forget(self) -> None:
        with self.lock:
            self.wanted.clear()
            self.found.clear()

    def take(self, key: Key, sent: int) -> _Found | None:
        """A foreseen answer that still holds; nobody else gets it."""
        with self.lock:
            found = self.found.pop(key, None)
        if found is None or found.sent != sent or time.monotonic() - found.asked > LASTS:
            return None
        return found

    def along(self, node: int) -> dict[Key, Request]:
        """What is to come along with the next batch to a node."""
        with self.lock:
            taken = {key: request for key, request in self.wanted.items() if key[0] == node}
            for key in taken:
                del self.wanted[key]
        return taken


_look: ContextVar[_Look | None] = ContextVar("look", default=None)


@contextmanager
def one_look() -> Iterator[None]:
    """A block in which reads can be foreseen; a block inside another one belongs to it."""
    if _look.get() is not None:
        yield
        return
    token = _look.set(_Look())
    try:
        yield
    finally:
        _look.reset(token)


def expect(rpc: Provider, requests: Iterable[Request]) -> None:
    """Let these reads come along with the next batch; nothing happens outside of ``one_look``."""
    look = _look.get()
    if look is None or not isinstance(rpc, Ahead):
        return
    asked = {rpc.key(*request): request for request in requests}
    with look.lock:
        look.wanted |= {key: request for key, request in asked.items() if key not in look.found}


def are_here(rpc: Provider, requests: Iterable[Request]) -> bool:
    """Whether all these answers came along already: reading them asks nobody."""
    look = _look.get()
    if look is None or not isinstance(rpc, Ahead):
        return False
    with look.lock:
        return all(rpc.key(*request) in look.found for request in requests)


def forget() -> None:
    """Drop all that was foreseen: time has passed, or the state has changed."""
    look = _look.get()
    if look is not None:
        look.forget()


class Ahead:
    """A node, or a set of nodes, that answers what was foreseen without being asked again."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._chain_id: int | None = None
        self._sent = 0

    def __repr__(self) -> str:
        return repr(self.provider)

    @property
    def name(self) -> str:
        return self.provider.name

    @property
    def chain_id(self) -> int:
        if self._chain_id is None:
            self._chain_id = to_int(self.request("eth_chainId"))
        return self._chain_id

    def key(self, method: str, params: Sequence[Any]) -> Key:
        return id(self), method, json.dumps(list(params))

    def request(self, method: str, *params: Any) -> Any:
        if _look.get() is None or method.startswith("eth_send"):
            return self.provider.request(method, *params)
        [answer] = self.batch([(method, params)])
        if isinstance(answer, RpcFault):
            raise answer.error(method)
        return answer

    def attempt(self, method: str, *params: Any) -> Any | RpcFault:
        look = _look.get()
        if method.startswith("eth_send"):
            self._sent += 1
            try:
                return self.provider.attempt(method, *params)
            finally:
                self._sent += 1
        found = look.take(self.key(method, params), self._sent) if look else None
        return self.provider.attempt(method, *params) if found is None else found.answer

    def batch(self, requests: Sequence[Request]) -> list[Any]:
        look = _look.get()
        if look is None:
            return self.provider.batch(requests)
        foreseen = [look.take(self.key(*request), self._sent) for request in requests]
        missing = [request for request, found in zip(requests, foreseen, strict=True) if found is None]
        fresh = iter(self._ask(look, missing) if missing else [])
        return [next(fresh) if found is None else found.answer for found in foreseen]

    def _ask(self, look: _Look, missing: Sequence[Request]) -> list[Any]:
        """Ask for what is missing, and for what is to come along; what is both will be needed twice."""
        along = look.along(id(self)) if getattr(self.provider, "batches", True) else {}
        now = [self.key(*request) for request in missing]
        beside = {key: request for key, request in along.items() if key not in now}
        began, sent = time.monotonic(), self._sent
        try:
            answers = self.provider.batch([*missing, *beside.values()])
        except CallError:
            if not beside or time.monotonic() - began > AT_ONCE:
                raise
            return self.provider.batch(missing)
        for key, answer in zip([*now, *beside], answers, strict=True):
            if key not in along:
                continue
            if isinstance(answer, RpcFault) and not answer.reverted:
                continue
            if key[1] == "eth_chainId" and self._chain_id is None:
                with suppress(CallError):
                    self._chain_id = to_int(answer)
            with look.lock:
                look.found[key] = _Found(answer, began, sent)
        return answers[: len(missing)]
