"""A buyer on a sandbox, as bare as can be: deploys, matches orders, waits for tasks, reads results."""

from __future__ import annotations

import io
import json
import time
import urllib.error
import urllib.request
import zipfile
from contextlib import suppress

from iexec_lab.ethereum.contracts import APP_REGISTRY, DATASET_REGISTRY, EVENTS, HUB
from iexec_lab.protocol import (
    NULL_ADDRESS,
    NULL_BYTES32,
    NULL_DATASET_ORDER,
    AppOrder,
    DatasetOrder,
    Deal,
    Domain,
    RequestOrder,
    Task,
    WorkerpoolOrder,
    encode_tag,
    login_token,
    to_address,
)
from iexec_lab.protocol.multiaddr import encode_multiaddr
from iexec_lab.sandbox.chain.accounts import well_known_accounts
from iexec_lab.sandbox.state.apps import Apps
from iexec_lab.wallet.gate import Gate, Place

TDX = encode_tag(["tee", "tdx"])
OPEN = dict.fromkeys(
    ("apprestrict", "datasetrestrict", "workerpoolrestrict", "requesterrestrict"), NULL_ADDRESS
)


def open_to_all(*names):
    return {f"{name}restrict": NULL_ADDRESS for name in names}


class Buyer:
    """``urls`` are those of the sandbox; ``user`` owns the assets and pays."""

    def __init__(self, handle, user=0):
        self.handle = handle
        self.accounts = well_known_accounts()
        self.user = self.accounts.users[user]
        self.domain = Domain(handle.chain_id, handle.hub)
        self.gate = Gate(self.user.signer, Place("sandbox", handle.chain_id, handle.hub))

    # -- chain --------------------------------------------------------------------------------------------

    def rpc(self, method, *params):
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = json.loads(self.post(self.handle.urls["rpc"], body))
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def call(self, to, function, *args):
        data = "0x" + function.encode(*args).hex()
        return function.decode(bytes.fromhex(self.rpc("eth_call", {"to": to, "data": data}, "latest")[2:]))

    def send(self, to, data, account=None):
        account = account or self.user
        raw = account.sign_transaction(
            nonce=int(self.rpc("eth_getTransactionCount", account.address, "pending"), 16),
            gas_price=0 if self.handle.native else int(self.rpc("eth_gasPrice"), 16),
            gas=8_000_000,
            to=to,
            value=0,
            data=data,
            chain_id=self.handle.chain_id,
        )
        receipt = self.rpc("eth_sendRawTransactionSync", raw)
        assert receipt["status"] == "0x1", receipt
        return receipt

    def forward(self, seconds):
        self.rpc("evm_increaseTime", hex(seconds))
        self.rpc("evm_mine")

    def category(self, seconds):
        """A new category; its id."""
        name = f"{seconds} s"
        self.send(
            self.handle.hub, HUB.createCategory.encode(name, "", seconds), account=self.accounts.deployer
        )
        return self.call(self.handle.hub, HUB.countCategory) - 1

    # -- assets -------------------------------------------------------------------------------------------

    def deploy_app(self, image):
        arguments = (
            self.user.address,
            f"app {time.time_ns()}",
            "DOCKER",
            encode_multiaddr(image),
            bytes(32),
            b"",
        )
        registry = self.handle.registries["app"]
        address = to_address(self.call(registry, APP_REGISTRY.predictApp, *arguments))
        self.send(registry, APP_REGISTRY.createApp.encode(*arguments))
        return address

    def install(self, folder, source, *, image=None):
        """Register a folder with this ``app.py`` as an image of its own and deploy the app; its address."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "app.py").write_text(source)
        image = image or f"test/{folder.name}-{time.time_ns()}:1"
        Apps(self.handle.folder / "apps").add(image, folder)
        return self.deploy_app(image)

    def deploy_dataset(self, location, checksum=NULL_BYTES32):
        arguments = (
            self.user.address,
            f"dataset {time.time_ns()}",
            encode_multiaddr(location),
            bytes.fromhex(checksum[2:]),
        )
        registry = self.handle.registries["dataset"]
        address = to_address(self.call(registry, DATASET_REGISTRY.predictDataset, *arguments))
        self.send(registry, DATASET_REGISTRY.createDataset.encode(*arguments))
        return address

    def dataset_order(self, dataset, *, volume=1_000_000, tag=NULL_BYTES32):
        order = DatasetOrder(
            dataset=dataset,
            datasetprice=0,
            volume=volume,
            tag=tag,
            **open_to_all("app", "workerpool", "requester"),
        )
        return order.sign(self.domain, self.user.signer)

    # -- deals --------------------------------------------------------------------------------------------

    def workerpool_order(self, category=0, tag=NULL_BYTES32):
        query = f"chainId={self.handle.chain_id}&category={category}&workerpool={self.handle.workerpool}"
        end = time.monotonic() + 60
        while time.monotonic() < end:
            listed = json.loads(
                self.get(f"{self.handle.urls['market']}/workerpoolorders?{query}&pageSize=100")
            )
            for item in listed["orders"]:
                if item["order"]["tag"] == tag:
                    return WorkerpoolOrder.from_json(item["order"], stage="signed")
            time.sleep(0.05)
        raise AssertionError(f"no order of category {category} for {tag}")

    def match(
        self,
        app,
        params=None,
        *,
        tag=NULL_BYTES32,
        volume=1,
        trust=0,
        category=0,
        dataset=None,
        callback=NULL_ADDRESS,
        workerpool_order=None,
    ):
        """Buy ``volume`` tasks; the deal's id."""
        workerpool_order = workerpool_order or self.workerpool_order(category, tag)
        app_order = AppOrder(
            app=app,
            appprice=0,
            volume=volume,
            tag=tag,
            **open_to_all("dataset", "workerpool", "requester"),
        ).sign(self.domain, self.user.signer)
        request = RequestOrder(
            app=app,
            appmaxprice=0,
            dataset=dataset or NULL_ADDRESS,
            datasetmaxprice=0,
            workerpool=NULL_ADDRESS,
            workerpoolmaxprice=workerpool_order.price,
            requester=self.user.address,
            volume=volume,
            tag=tag,
            category=category,
            trust=trust,
            beneficiary=self.user.address,
            callback=callback,
            params=params if isinstance(params, str) else json.dumps(params or {}),
        ).sign(self.domain, self.user.signer)
        dataset_order = self.dataset_order(dataset) if dataset else NULL_DATASET_ORDER
        orders = [order.to_tuple() for order in (app_order, dataset_order, workerpool_order, request)]
        receipt = self.send(self.handle.hub, HUB.matchOrders.encode(*orders))
        matched = next(entry for entry in receipt["logs"] if EVENTS.OrdersMatched.matches(entry))
        return "0x" + EVENTS.OrdersMatched.decode(matched)["dealid"].hex()

    def run(self, app, params=None, **options):
        """Buy one task and wait for its end; its id."""
        (task,) = self.tasks(self.match(app, params, **options))
        self.wait(task)
        return task

    def deal(self, deal):
        return Deal.from_abi(self.call(self.handle.hub, HUB.viewDeal, bytes.fromhex(deal[2:])))

    def tasks(self, deal):
        return self.deal(deal).task_ids(deal)

    def task(self, task):
        """The task on chain."""
        return Task.from_abi(self.call(self.handle.hub, HUB.viewTask, bytes.fromhex(task[2:])))

    def model(self, task):
        """The task in the workerpool's API."""
        return json.loads(self.get(f"{self.handle.urls['workerpool']}/tasks/{task}"))

    def wait(self, task, until=("COMPLETED", "FAILED"), seconds=240):
        """Wait until the workerpool says that the task has one of these statuses; its model."""
        return self._poll(task, lambda model: model["currentStatus"] in until, seconds)

    def wait_replicate(self, task, until=("COMPLETED", "ABORTED", "FAILED"), seconds=240):
        """Wait for the end of the task's first replicate; it."""

        def is_over(model):
            return model["replicates"] and model["replicates"][0]["currentStatus"] in until

        return self._poll(task, is_over, seconds)["replicates"][0]

    def _poll(self, task, done, seconds):
        end = time.monotonic() + seconds
        model = None
        while time.monotonic() < end:
            with suppress(urllib.error.HTTPError):  # not yet known
                model = self.model(task)
            if model and done(model):
                return model
            time.sleep(0.01)
        raise AssertionError(f"task is {model}")

    # -- results ------------------------------------------------------------------------------------------

    def download(self, task):
        location = self.task(task).result()["location"]
        return self.get_bytes(self.handle.urls["ipfs_gateway"] + location)

    def files(self, task):
        """Name to bytes of everything in the result."""
        with zipfile.ZipFile(io.BytesIO(self.download(task))) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    def logs(self, task, signer=None):
        signer = signer or self.user.signer
        base = self.handle.urls["workerpool"]
        challenge = json.loads(self.get(f"{base}/tasks/logs/challenge?address={signer.address}"))
        token = login_token(challenge, signer)
        return json.loads(self.get(f"{base}/tasks/{task}/logs", {"Authorization": token}))

    def stderr(self, task):
        return self.logs(task)["computeLogsList"][0]["stderr"]

    # -- HTTP ---------------------------------------------------------------------------------------------

    def get(self, url, headers=None):
        return self.get_bytes(url, headers).decode()

    def get_bytes(self, url, headers=None):
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=60) as answer:
            return answer.read()

    def post(self, url, body, headers=None, method="POST"):
        data = json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **(headers or {})}
        request = urllib.request.Request(url, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read().decode()


def statuses(updates):
    return [update["status"] for update in updates]
