"""What ``init`` and ``<noun> init`` write (names, images and checksums of the official CLI's templates)."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import ValidationError
from iexec_lab.protocol import NULL_ADDRESS

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT: dict[str, Any] = {
    "description": "What this app, dataset or workerpool does, for the people who will use it.",
    "license": "MIT",
    "author": "?",
    "social": {"website": "?", "github": "?"},
    "logo": "logo.png",
}

CHAIN: dict[str, Any] = {
    "default": "arbitrum-sepolia-testnet",
    "chains": {"arbitrum-mainnet": {}, "arbitrum-sepolia-testnet": {}},
}

_APP = {
    "name": "hello-world",
    "type": "DOCKER",
    "multiaddr": "iexechub/python-hello-world:8.0.4",
    "checksum": "0xb0b664b7a6d249f81c067a9262b1763144eeb3ca63e553567f71673442ce9e84",
}
_APPS: dict[str, dict[str, Any]] = {
    "": _APP,
    "tdx": _APP,  # a TDX app is an ordinary image
    "scone": {
        "name": "hello-world-scone",
        "type": "DOCKER",
        "multiaddr": "docker.io/iexechub/python-hello-world:8.0.0-sconify-5.9.1-v15-production",
        "checksum": "0x15de77fd7ac448028884256b3ab376e7d4560e9ef6acf0594ea0b3c031d5d395",
        "mrenclave": {
            "framework": "SCONE",
            "version": "v5.9",
            "entrypoint": "python /app/app.py",
            "heapSize": 1073741824,
            "fingerprint": "2d4b9efd066d0bb058b8da79bf8551be7d244779bc41d03a12201a4004779609",
        },
    },
    "gramine": {
        "name": "hello-world-gramine",
        "type": "DOCKER",
        "multiaddr": "iexechub/tee-python-hello-world:8.0.3-gramine",
        "checksum": "0x8e13b1592bff2e1651225b1533282ed2e1939ce173c9f0c2c39ed02a4963401f",
        "mrenclave": {
            "framework": "GRAMINE",
            "version": "v0",
            "fingerprint": "c879351b3640a21331c4d931d3e32bfbb8373b502966f9c639538666b2cf3641",
        },
    },
}
_RESOURCES: dict[str, dict[str, Any]] = {
    "dataset": {
        "name": "my-dataset",
        "multiaddr": "/ipfs/QmW2WQi7j6c7UgJTarActp7tDNikE4B2qXtFCfLPdsgaTQ",
        "checksum": "0x" + 64 * "0",
    },
    "workerpool": {"description": "my-workerpool"},
}
_CATEGORY = {"name": "XXL", "description": "new hub category", "workClockTimeRef": "100"}


def app(owner: str, framework: str | None = None) -> dict[str, Any]:
    """The hello app; ``framework`` ("scone", "gramine", "tdx") selects the image made for it.

    Raises:
        ValidationError: another framework.
    """
    name = (framework or "").lower()
    if name not in _APPS:
        raise ValidationError(f"{framework} is not a valid TEE framework", hint="Use scone, gramine or tdx.")
    return _copy({"owner": owner, **_APPS[name]})


def resource(kind: str, owner: str) -> dict[str, Any]:
    """Template of an app, dataset or workerpool owned by ``owner``."""
    return app(owner) if kind == "app" else _copy({"owner": owner, **_RESOURCES[kind]})


def is_a_sample(kind: str, value: Mapping[str, Any]) -> bool:
    """Whether nobody has edited an object that ``<noun> init`` wrote, for whichever owner.

    A dataset is a sample until it says where its file is; ``dataset encrypt`` fills in the rest.
    """
    if kind == "dataset":
        return bool(value.get("multiaddr") == _RESOURCES[kind]["multiaddr"])
    samples = {"app": [*_APPS.values()], "category": [_CATEGORY]}.get(kind) or [_RESOURCES[kind]]
    return {name: part for name, part in value.items() if name != "owner"} in samples


def is_a_sample_order(kind: str, value: Mapping[str, Any]) -> bool:
    """The same for an order of ``order init``, for whichever resource, wallet and tag."""
    resource = value.get(kind.removesuffix("order"), NULL_ADDRESS)
    user = value.get("requester", NULL_ADDRESS)
    return dict(value) == order(kind, resource=resource, user=user, tag=value.get("tag"))


def category() -> dict[str, Any]:
    return _copy(_CATEGORY)


def order(
    kind: str, *, resource: str = NULL_ADDRESS, user: str = NULL_ADDRESS, tag: list[str] | None = None
) -> dict[str, Any]:
    """Unsigned order of ``kind`` ("apporder" ...) as ``order init`` writes it.

    Args:
        kind: One of the four order kinds.
        resource: Address sold by the order; not used for requests.
        user: Requester and beneficiary; used for requests only.
        tag: Tag words; none by default.
    """
    words = list(tag or [])
    if kind == "requestorder":
        return {
            "app": NULL_ADDRESS,
            "appmaxprice": "0",
            "dataset": NULL_ADDRESS,
            "datasetmaxprice": "0",
            "workerpool": NULL_ADDRESS,
            "workerpoolmaxprice": "0",
            "volume": "1",
            "category": "0",
            "trust": "0",
            "tag": words,
            "beneficiary": user,
            "callback": NULL_ADDRESS,
            "params": {"iexec_args": "", "iexec_input_files": [], "iexec_result_encryption": False},
            "requester": user,
        }
    name = kind.removesuffix("order")
    sold: dict[str, Any] = {name: resource, f"{name}price": "0"}
    if name == "workerpool":
        terms: dict[str, Any] = {"volume": "1", "category": "0", "trust": "0", "tag": words}
    else:
        terms = {"volume": "1000000", "tag": words}
    others = [other for other in ("app", "dataset", "workerpool", "requester") if other != name]
    return {**sold, **terms, **{f"{other}restrict": NULL_ADDRESS for other in others}}


def _copy(value: dict[str, Any]) -> dict[str, Any]:
    return deepcopy(value)
