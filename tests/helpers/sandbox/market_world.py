"""A market of its own on a fresh sandbox chain, and shorthands for what people do there."""

from __future__ import annotations

import asyncio
import secrets
import socket
import threading
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import requests
from aiohttp import web

from iexec_lab.ethereum.contracts import APP_REGISTRY, DATASET_REGISTRY, EVENTS, HUB, WORKERPOOL_REGISTRY
from iexec_lab.protocol import NULL_DATASET_ORDER, ORDERS, Domain, hash_typed_data, to_address
from iexec_lab.sandbox.chain.accounts import well_known_accounts
from iexec_lab.sandbox.chain.anvil import Anvil
from iexec_lab.sandbox.chain.client import Chain
from iexec_lab.sandbox.chain.connection import to_head
from iexec_lab.sandbox.chain.snapshot import Kind, snapshot
from iexec_lab.sandbox.context import Context
from iexec_lab.sandbox.services import market
from iexec_lab.sandbox.services.callers import only_from_here
from iexec_lab.sandbox.state.registry import SERVICES

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from iexec_lab.sandbox.chain.accounts import Account


class Loop:
    """An event loop in a thread, so that tests are plain functions."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(120)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Desk:
    """Where a market at ``url`` is spoken to; ``get``, ``post`` and ``put`` return (status, JSON)."""

    def __init__(self, domain: Domain, url: str = "") -> None:
        self.domain = domain
        self.url = url
        self.session = requests.Session()

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, self.url + path, timeout=60, **options)

    def get(self, path: str, **query: Any) -> tuple[int, Any]:
        answer = self.request("GET", path, params={"chainId": self.domain.chain_id, **query})
        return answer.status_code, answer.json()

    def post(self, path: str, body: Any, wallet: Account | None = None, **query: Any) -> tuple[int, Any]:
        return self._send("POST", path, body, wallet, query)

    def put(self, path: str, body: Any, wallet: Account | None = None, **query: Any) -> tuple[int, Any]:
        return self._send("PUT", path, body, wallet, query)

    def _send(
        self, method: str, path: str, body: Any, wallet: Account | None, query: dict[str, Any]
    ) -> tuple[int, Any]:
        headers = {"authorization": self.token(wallet)} if wallet else {}
        answer = self.request(
            method, path, params={"chainId": self.domain.chain_id, **query}, json=body, headers=headers
        )
        return answer.status_code, answer.json()

    def token(self, wallet: Account) -> str:
        data = self.get("/challenge", address=wallet.address)[1]["data"]
        digest = hash_typed_data(data["domain"], data["types"], data["message"])
        return f"0x{digest.hex()}_{wallet.signer.sign_digest(digest)}_{wallet.address}"

    def publish(self, order: Any, wallet: Account) -> str:
        """Publish an order that the market accepts; its hash."""
        status, answer = self.post(f"/{order.kind}s", {"order": order.to_json()}, wallet)
        assert status == 200, answer
        published: str = answer["published"]["orderHash"]
        return published

    def refusal(self, order: Any, wallet: Account) -> tuple[int, str]:
        """The status and the message with which the market refuses an order."""
        status, answer = self.post(f"/{order.kind}s", {"order": order.to_json()}, wallet)
        assert answer["ok"] is False
        return status, answer["error"]

    def order(self, kind: str, order_hash: str) -> dict[str, Any]:
        """An order by its hash, in whatever status."""
        status, answer = self.get(f"/{kind}s/{order_hash}")
        assert status == 200, answer
        return dict(answer)

    def app_order(self, app: str, owner: Account, **values: Any) -> Any:
        return self.sign("apporder", owner, app=app, **values)

    def dataset_order(self, dataset: str, owner: Account, **values: Any) -> Any:
        return self.sign("datasetorder", owner, dataset=dataset, **values)

    def workerpool_order(self, workerpool: str, owner: Account, **values: Any) -> Any:
        return self.sign("workerpoolorder", owner, workerpool=workerpool, **{"category": 0} | values)

    def request_order(self, app: str, requester: Account, **values: Any) -> Any:
        address = requester.address
        defaults = {
            "requester": address,
            "beneficiary": address,
            "category": 0,
            "params": '{"iexec_args":"x"}',
        }
        return self.sign("requestorder", requester, app=app, **defaults | values)

    def sign(self, kind: str, owner: Account, **values: Any) -> Any:
        """A signed order; what is not given is free and unrestricted."""
        return ORDERS[kind](**values).sign(self.domain, owner.signer)


class World(Desk):
    """A chain with a hub, a market that follows it, and people.

    What changes the chain returns when the market has seen it.
    """

    def __init__(self, loop: Loop, ctx: Context, options: market.MarketOptions | None = None) -> None:
        super().__init__(ctx.domain)
        self.loop = loop
        self.ctx = ctx
        self.options = options
        self.alice, self.bob, self.carol, *_ = ctx.accounts.users
        self._market: AsyncExitStack | None = None
        self.start()

    def start(self) -> None:
        self.url = self.loop.run(self._start())

    async def _start(self) -> str:
        self._market = AsyncExitStack()
        app = await market.create(self.ctx, self.options)
        only_from_here(app)
        runner = web.AppRunner(app, shutdown_timeout=1)
        self._market.push_async_callback(runner.cleanup)
        await runner.setup()
        listener = socket.create_server(("127.0.0.1", 0))
        await web.SockSite(runner, listener).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    def stop(self) -> None:
        if self._market:
            self.loop.run(self._market.aclose())
            self._market = None

    def send(self, account: Account, to: str, data: bytes, value: int = 0) -> dict[str, Any]:
        receipt = self.loop.run(self.ctx.chain.send(account, to, data, value))
        self.sync()
        return dict(receipt)

    def call(self, to: str, function: Any, *args: Any) -> Any:
        return self.loop.run(self.ctx.chain.call(to, function, *args))

    def sync(self) -> None:
        """Wait until the market has read the newest block."""
        if self._market is None:
            return
        head = self.loop.run(self.ctx.chain.block_number())
        deadline = time.monotonic() + 60
        while (last := self.get("/metrics")[1]["lastBlock"]) != head:
            assert time.monotonic() < deadline, f"the market is at block {last}, the chain at {head}"

    def snapshot(self) -> str:
        return str(self.loop.run(self.ctx.chain.rpc("evm_snapshot")))

    def rewind(self, snapshot: str) -> None:
        """Take the chain back; anvil alone does not tell that its head moved, a sandbox's node does."""
        chain = self.ctx.chain
        before = self.loop.run(chain.block_number())
        self.loop.run(chain.rpc("evm_revert", snapshot))
        head = to_head(self.loop.run(chain.rpc("eth_getBlockByNumber", "latest", False)))
        self.loop.run(chain._move(head))
        # Of a block with the number of a lost one nobody could say that the market has read it.
        for _ in range(2 if before == head.number + 1 else 1):
            self.loop.run(chain.rpc("evm_mine"))
        self.sync()

    def deploy_app(self, owner: Account) -> str:
        name = f"app {secrets.token_hex(8)}"
        arguments = owner.address, name, "DOCKER", b"registry.hub.docker.com/x:1", bytes(32), b""
        return self._deploy("app", owner, APP_REGISTRY.predictApp, APP_REGISTRY.createApp, arguments)

    def deploy_dataset(self, owner: Account) -> str:
        arguments = owner.address, f"data {secrets.token_hex(8)}", b"/ipfs/x", bytes(32)
        return self._deploy(
            "dataset", owner, DATASET_REGISTRY.predictDataset, DATASET_REGISTRY.createDataset, arguments
        )

    def deploy_workerpool(self, owner: Account) -> str:
        arguments = owner.address, f"pool {secrets.token_hex(8)}"
        registry = WORKERPOOL_REGISTRY
        return self._deploy(
            "workerpool", owner, registry.predictWorkerpool, registry.createWorkerpool, arguments
        )

    def _deploy(self, kind: str, owner: Account, predict: Any, create: Any, arguments: Any) -> str:
        registry = self.ctx.registries[kind]
        address = to_address(self.call(registry, predict, *arguments))
        self.send(owner, registry, create.encode(*arguments))
        return address

    def match(self, app: Any, dataset: Any, workerpool: Any, request: Any) -> str:
        """Match four orders; the deal's id."""
        orders = (order.to_tuple() for order in (app, dataset or NULL_DATASET_ORDER, workerpool, request))
        receipt = self.send(self.carol, self.ctx.hub, HUB.matchOrders.encode(*orders))
        matched = next(each for each in receipt["logs"] if EVENTS.OrdersMatched.matches(each))
        return "0x" + EVENTS.OrdersMatched.decode(matched)["dealid"].hex()


class Universe:
    """One chain for a test module; each market on it has a state folder of its own."""

    def __init__(self, folder: Path, kind: Kind | None = None) -> None:
        kind = kind or Kind()
        self.folder = folder
        self.loop = Loop()
        genesis, state = snapshot(kind, folder / "node.txt")
        self.node = Anvil(kind.chain_id, native=kind.native, log=folder / "node.txt", state=state, mine=True)
        self.node.wait_ready()
        self.chain = Chain(self.node.url, kind.chain_id, free_gas=kind.native)
        self.loop.run(self.chain.__aenter__())
        self.ctx = Context(
            folder=folder,
            chain_id=kind.chain_id,
            native=kind.native,
            hub=genesis.hub,
            rlc=genesis.rlc,
            registries=genesis.registries,
            workerpool=genesis.workerpool,
            domain=Domain(kind.chain_id, genesis.hub),
            chain=self.chain,
            accounts=well_known_accounts(),
            urls=dict.fromkeys(SERVICES, "http://127.0.0.1:1") | {"rpc": self.node.url},
            stop=asyncio.Event(),
        )

    def world(self, name: str, options: market.MarketOptions | None = None) -> World:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return World(self.loop, replace(self.ctx, folder=folder), options)

    def close(self) -> None:
        self.loop.run(self.chain.__aexit__(None, None, None))
        self.node.stop()
        self.loop.close()
