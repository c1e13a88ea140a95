"""From the facts that a verb found to the JSON that the official CLI prints for them, without ``ok``.

``fetch`` calls a verb for a command; ``_OFFICIAL`` has the shape of each answer that is not printed as it is.
A field that is missing in an answer is missing in the JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from iexec_lab.client.iexec import IExec
    from iexec_lab.client.market.listing import Listed
    from iexec_lab.client.market.statement import Statement
    from iexec_lab.client.nouns._noun import Noun
    from iexec_lab.services.market import OrderPage

    Shape = Callable[[Any], dict[str, Any]]


class Answer:
    """What a verb found: as facts, as official JSON, as the value that Python and notebooks get."""

    def __init__(self, verb: str, facts: Any, of: Noun) -> None:
        self.verb, self.facts, self._of = verb, facts, of

    def to_official_json(self) -> dict[str, Any]:
        return official_json(self.verb, self.facts)

    def to_value(self) -> Any:
        name = self.verb.rpartition(".")[2]
        return self._of._value(name, self.facts)  # noqa: SLF001 - commands are the other half of a verb


def official_json(verb: str, facts: Any) -> dict[str, Any]:
    """What the official CLI prints for such facts."""
    shape = _OFFICIAL.get(verb) or _OFFICIAL.get(f"*.{verb.rpartition('.')[2]}")
    found: dict[str, Any] = facts if shape is None else shape(facts)
    return found


def fetch(lab: IExec, verb: str, /, *args: Any, **values: Any) -> Answer:
    """Call a verb, ``"account.deposit"``, for its facts: nothing is drawn yet."""
    noun, _, name = verb.rpartition(".")
    owner = getattr(lab, noun) if noun else lab
    method = getattr(owner, f"_fetch_{name}", None) or getattr(owner, name)
    return Answer(verb, method(*args, **values), owner)


def _only(*keys: str) -> Shape:
    """These fields of the facts, where present."""
    return lambda facts: {key: facts[key] for key in keys if key in facts}


def _named(name: str) -> Shape:
    return lambda facts: {name: facts}


def _counted(facts: int) -> dict[str, Any]:
    return {"count": str(facts)}


def _listed(name: str, price: str, *fields: str) -> Shape:
    """A list of the order book: ``{count, <name>: [{orderHash, price, remaining, ...}]}``."""

    def shape(page: OrderPage) -> dict[str, Any]:
        orders = [
            {
                "orderHash": entry["orderHash"],
                "price": entry["order"][price],
                "remaining": entry["remaining"],
                **{field: entry["order"][field] for field in fields if field in entry["order"]},
            }
            for entry in page.orders
        ]
        return {"count": page.count - page.left_out, name: orders}

    return shape


def _rows(name: str) -> Shape:
    """A list of ours: its rows by the names of their columns, amounts as text, times in seconds."""

    def shape(found: Listed) -> dict[str, Any]:
        count = len(found) if found.total is None else found.total
        return {"count": count, name: found.rows(), "hasMore": found.more, "source": found.source}

    return shape


_AMOUNTS = {
    *("price", "cost", "cumulatedCost", "ask", "bid", "mid", "spread"),
    *("appPrice", "datasetPrice", "workerpoolPrice"),
}


def _figures(name: str) -> Shape:
    """Computed rows: amounts as text, exact for every reader, ``average`` left to those who look."""

    def shape(found: Any) -> dict[str, Any]:
        rows = [
            {key: str(value) if key in _AMOUNTS else value for key, value in row.items() if value is not None}
            for row in found
        ]
        about = {"remark": found.remark} if found.remark else {}
        return {"count": len(rows), name: rows, **about, **found.about}

    return shape


def _voucher(facts: dict[str, Any]) -> dict[str, Any]:
    """Numbers in decimal, as everywhere; the official CLI prints these as hex without 0x."""
    return {key: str(value) if isinstance(value, int) else value for key, value in facts.items()}


def _logs(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The part of the official ``task debug --logs``."""
    return {"appLogs": [{key: row[key] for key in ("worker", "stdout", "stderr")} for row in rows]}


def _statement(facts: Statement) -> dict[str, Any]:
    stake, locked = facts.unexplained
    return {
        "address": facts.address,
        "blockNumber": facts.block,
        "balance": {"stake": str(facts.stake), "locked": str(facts.locked)},
        "unexplained": {"stake": str(stake), "locked": str(locked)},
        "count": facts.total,
        "movements": list(facts),
    }


_TRANSFER = _only("amount", "from", "to", "txHash")
_BRIDGE = _only("amount", "from", "to", "sendTxHash", "receiveTxHash")
_RESOLUTION = ("setResolverTxHash", "setAddrTxHash", "setNameTxHash")
_OFFICIAL: dict[str, Shape] = {
    "jobs": lambda found: {"count": len(found), "jobs": found, "claimable": str(found.claimable)},
    "search": lambda found: {"count": len(found), "found": found},
    "*.count": _counted,
    "*.deals": _rows("deals"),
    "*.events": _rows("events"),
    "*.transfers": _rows("transfers"),
    "*.contributions": _rows("contributions"),
    "*.transfer": _only("address", "to", "txHash"),
    "*.unpublish": _named("unpublished"),
    "*.publish": _named("orderHash"),
    "*.check_secret": _named("isSecretSet"),
    "*.push_secret": lambda _none: {},
    "account.show": _only("balance", "details"),
    "account.show_bridged": _only("balance"),
    "account.deposit": _only("amount", "txHash"),
    "account.withdraw": _only("amount", "txHash"),
    "account.approve": _only("txHash"),
    "account.revoke": _only("txHash"),
    "account.history": _statement,
    "account.allowance": lambda nrlc: {"amount": str(nrlc)},
    "app.list": _rows("apps"),
    "app.run": lambda outcome: outcome.to_json(),
    "app.request_execution": _named("orderHash"),
    "category.create": _only("catid", "txHash"),
    "category.list": _named("categories"),
    "category.show": _only("index", "category"),
    "dataset.list": _rows("datasets"),
    "dataset.publish_file": lambda facts: {**facts, "price": str(facts["price"])},
    "deal.claim": _only("claimed", "transactions"),
    "deal.claim_all": _only("claimed", "transactions", "amount"),
    "deal.tasks": _named("tasks"),
    "deal.list": _rows("deals"),
    "ens.resolve": _named("address"),
    "ens.lookup": _named("name"),
    "ens.get_owner": _named("owner"),
    "ens.set_text": _only("txHash"),
    "ens.register": _only("name", "address", "registerTxHash", *_RESOLUTION),
    "ens.configure_resolution": _only("name", "address", *_RESOLUTION),
    "order.list": lambda rows: {"count": rows.total, "orders": list(rows)},
    "order.create": lambda order: order.to_json(),
    "order.sign": lambda order: order.to_json(),
    "order.hash": _named("orderHash"),
    "order.unpublish": _named("orderHash"),
    "order.unpublish_last": _named("unpublished"),
    "order.unpublish_all": _named("unpublished"),
    "order.cancel": _only("txHash"),
    "order.fill": lambda job: job.to_json()["deals"][0],
    "orderbook.app": _listed(
        "appOrders",
        "appprice",
        *("app", "tag", "datasetrestrict", "workerpoolrestrict", "requesterrestrict"),
    ),
    "orderbook.dataset": _listed(
        "datasetOrders",
        "datasetprice",
        *("dataset", "tag", "apprestrict", "workerpoolrestrict", "requesterrestrict"),
    ),
    "orderbook.workerpool": _listed(
        "workerpoolOrders",
        "workerpoolprice",
        *("category", "tag", "trust", "workerpool", "apprestrict", "datasetrestrict", "requesterrestrict"),
    ),
    "orderbook.requester": _listed(
        "requestOrders",
        "workerpoolmaxprice",
        *("app", "dataset", "workerpool", "requester", "beneficiary", "category", "tag", "trust"),
    ),
    "orderbook.depth": _figures("levels"),
    "orderbook.best": _figures("orders"),
    "orderbook.spread": _figures("categories"),
    "orderbook.match": _figures("combinations"),
    "orderbook.simulate": _figures("fills"),
    "requester.push_secret": lambda name: {"isPushed": True, "name": name},
    "requester.check_secret": _only("isSet", "name"),
    "result.check_encryption_key": _named("isEncryptionKeySet"),
    "storage.check": _named("isInitialized"),
    "storage.upload": _named("multiaddr"),
    "task.list": _rows("tasks"),
    "task.logs": _logs,
    "voucher.address": _named("address"),
    "voucher.show": _voucher,
    "voucher.authorize": _only("txHash"),
    "voucher.revoke": _only("txHash"),
    "wallet.show": _only("balance", "wallet", "ens"),
    "wallet.show_bridged": _only("balance"),
    "wallet.send_ether": _TRANSFER,
    "wallet.send_rlc": _TRANSFER,
    "wallet.sweep": _only("from", "to", "sendNativeTxHash", "sendERC20TxHash", "errors"),
    "wallet.bridge_to_sidechain": _BRIDGE,
    "wallet.bridge_to_mainchain": _BRIDGE,
    "workerpool.api_url": _named("apiUrl"),
    "workerpool.list": _rows("workerpools"),
    "workerpool.set_api_url": _only("address", "url", "txHash"),
}
"""Verb -> official JSON; ``*`` is any noun that is not named itself."""
