"""What the participants own: apps, datasets, workerpools."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iexec_lab.ethereum.contracts import APP_REGISTRY, DATASET_REGISTRY, WORKERPOOL_REGISTRY
from iexec_lab.protocol import NULL_BYTES32, encode_mrenclave, encode_multiaddr, encode_tag

if TYPE_CHECKING:
    import random

    from iexec_lab.ethereum.abi import Function
    from iexec_lab.sandbox.chain.accounts import Account
    from iexec_lab.sandbox.populate.people import People
    from iexec_lab.sandbox.populate.size import Size

TAGS = {
    "": NULL_BYTES32,
    **{name: encode_tag(["tee", name]) for name in ("tdx", "scone", "gramine")},
}
GPU = encode_tag(["gpu"])
_FRAMEWORKS = ("", "tdx", "", "scone", "", "gramine", "", "tdx")
"""Of one app after the other."""
_APPS = (
    *("image-classifier", "speech-to-text", "blender-render", "protein-folding", "price-oracle"),
    *("email-sender", "data-cleaner", "translator", "weather-model", "credit-score", "video-encoder"),
    *("route-planner", "text-summary", "genome-align", "risk-report", "face-blur"),
)
_DATASETS = (
    *("air-quality", "road-traffic", "retail-prices", "hospital-stays", "satellite-tiles", "wind-fields"),
    *("tweets-archive", "energy-meters", "bird-calls", "tax-tables", "soil-samples", "flight-delays"),
)
_POOLS = ("north", "delta", "aurora", "granite", "harbour", "meadow", "summit", "quartz", "lagoon", "cedar")
BULK_DATASETS = 6


@dataclass(slots=True)
class Good:
    """Something in a registry; ``address`` is known once the registry was asked."""

    owner: Account
    kind: str
    arguments: tuple[Any, ...]
    address: str = field(default="", init=False)

    @property
    def create(self) -> Function:
        return {
            "app": APP_REGISTRY.createApp,
            "dataset": DATASET_REGISTRY.createDataset,
            "workerpool": WORKERPOOL_REGISTRY.createWorkerpool,
        }[self.kind]

    @property
    def predict(self) -> Function:
        return {
            "app": APP_REGISTRY.predictApp,
            "dataset": DATASET_REGISTRY.predictDataset,
            "workerpool": WORKERPOOL_REGISTRY.predictWorkerpool,
        }[self.kind]


@dataclass(slots=True)
class App(Good):
    framework: str = ""
    price: int = 0

    @property
    def tag(self) -> str:
        return TAGS[self.framework]


@dataclass(slots=True)
class Dataset(Good):
    """``price`` 0 and ``bulk`` for those that may be used in bulks."""

    price: int = 0
    bulk: bool = False


@dataclass(slots=True)
class Pool(Good):
    """``dearness`` in per mille of the market's price, policies in percent."""

    dearness: int = 1000
    stake_ratio: int = 30
    reward_ratio: int = 1
    workers: tuple[Account, ...] = ()


@dataclass(frozen=True, slots=True)
class Goods:
    """All of them; ``sold`` are datasets that change hands."""

    apps: list[App]
    datasets: list[Dataset]
    bulk: list[Dataset]
    pools: list[Pool]
    sold: list[Dataset]

    @property
    def all(self) -> list[Good]:
        return [*self.apps, *self.datasets, *self.bulk, *self.pools, *self.sold]


def goods(size: Size, people: People, cids: list[str]) -> Goods:
    """``cids`` are files on IPFS, for the datasets to point at."""
    dice = size.dice("goods")
    apps = [
        _app(size, dice, owner, number) for number, owner in _owners(people.app_owners, 6, size.deals // 40)
    ]
    datasets = [
        _dataset(size, dice, owner, number, cids)
        for number, owner in _owners(people.dataset_owners, 6, size.deals // 50)
    ]
    bulk = [
        _dataset(size, dice, people.dataset_owners[n % len(people.dataset_owners)], 1000 + n, cids, bulk=True)
        for n in range(BULK_DATASETS)
    ]
    sold = [
        _dataset(size, dice, people.dataset_owners[n % len(people.dataset_owners)], 2000 + n, cids)
        for n in range(min(size.orders // 100, 10))
    ]
    pools = [_pool(size, dice, people, number) for number in range(len(people.schedulers))]
    return Goods(apps, datasets, bulk, pools, sold)


def _owners(owners: tuple[Account, ...], least: int, more: int) -> list[tuple[int, Account]]:
    """A number and an owner for each thing: most owners have one or two."""
    count = max(least, len(owners) + min(len(owners), more))
    return [(number, owners[number % len(owners)]) for number in range(count)]


def _app(size: Size, dice: random.Random, owner: Account, number: int) -> App:
    name = f"{_APPS[number % len(_APPS)]} {size.name}/{number}"
    framework = _FRAMEWORKS[number % len(_FRAMEWORKS)]
    image = f"registry.example/{_APPS[number % len(_APPS)]}:{1 + number // len(_APPS)}.{dice.randrange(10)}.0"
    enclave = b""
    if framework in {"scone", "gramine"}:
        entry = {"framework": framework.upper(), "version": "v5", "fingerprint": size.word(name).hex()}
        if framework == "scone":
            entry |= {"entrypoint": "python3 /app/app.py", "heapSize": 1 << 30}  # type: ignore[dict-item]
        enclave = encode_mrenclave(entry)
    arguments = owner.address, name, "DOCKER", encode_multiaddr(image), size.word(image), enclave
    return App(owner, "app", arguments, framework, dice.randrange(0, 40) * 1_000_000)


def _dataset(
    size: Size, dice: random.Random, owner: Account, number: int, cids: list[str], *, bulk: bool = False
) -> Dataset:
    name = f"{_DATASETS[number % len(_DATASETS)]} {size.name}/{number}"
    where = f"/ipfs/{cids[number % len(cids)]}"
    arguments = owner.address, name, encode_multiaddr(where), size.word(name)
    price = 0 if bulk else dice.randrange(1, 60) * 1_000_000
    return Dataset(owner, "dataset", arguments, price, bulk)


def _pool(size: Size, dice: random.Random, people: People, number: int) -> Pool:
    from iexec_lab.sandbox.populate.people import WORKERS_EACH

    owner = people.schedulers[number]
    name = f"{_POOLS[number % len(_POOLS)]}-{number}.pools {size.name}"
    first = number * 2
    workers = tuple(people.workers[(first + n) % len(people.workers)] for n in range(WORKERS_EACH))
    return Pool(
        owner,
        "workerpool",
        (owner.address, name),
        dearness=dice.randrange(850, 1200),
        stake_ratio=dice.choice((20, 30, 30, 35, 50)),
        reward_ratio=dice.choice((1, 1, 2, 5, 10)),
        workers=workers,
    )
