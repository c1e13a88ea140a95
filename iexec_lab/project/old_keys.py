"""Advice on keys that no CLI of today knows: what they were called later, or why they are gone."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_NOW: Final = {
    "scheduler": "Delete it: the API of a workerpool is found by its address.",
    "server": "Delete it: the API of a workerpool is found by its address.",
    "work": 'Delete it: what is run is said by iexec-lab app run, or by "order" in iexec.json.',
    "provider": 'It is "host", the URL of the chain\'s node; keys of public nodes are in "providers".',
    "rpc": 'It is "host", the URL of the chain\'s node.',
    "url": 'It is "host", the URL of the chain\'s node.',
    "gateway": 'It is "iexecGateway", the URL of the market.',
    "market": 'It is "iexecGateway", the URL of the market.',
    "ipfs": 'It is "ipfsGateway", and "ipfsNode" for uploads.',
    "chainId": 'It is "id".',
    "chain_id": 'It is "id".',
    "network_id": 'It is "id".',
    "hubAddress": 'It is "hub".',
    "gasPrice": "Delete it: the price of gas is an option, --gas-price.",
    "gasLimit": "Delete it: gas is counted for each transaction.",
    "flavour": "Delete it: there are no other flavours any more.",
    "enterpriseSwapNetwork": "Delete it: there is no enterprise network any more.",
    "bridgedChainName": 'It is a part of "bridge": {"contract": ..., "bridgedChainName": ...}.',
    "workerPool": 'It is "workerpool".',
    "dapp": 'It is "app".',
    "data": 'It is "dataset".',
    "dapporder": 'It is "apporder".',
    "dataorder": 'It is "datasetorder".',
    "poolorder": 'It is "workerpoolorder".',
    "workerPoolOrder": 'It is "workerpoolorder".',
    "userorder": 'It is "requestorder".',
    "buy": 'It is "requestorder": write one with iexec-lab order init --request.',
    "sell": 'It is "workerpoolorder": write one with iexec-lab order init --workerpool.',
    "constructorArgs": 'Delete it: what was deployed is kept as "app": {"<chain id>": "<address>"}.',
}


def renamed(values: Iterable[str], wanted: str) -> str:
    """A sentence about an older name of ``wanted`` among these keys; empty when there is none."""
    old = next((key for key in values if _NOW.get(key, "").startswith(f'It is "{wanted}"')), None)
    return f'"{old}" is called "{wanted}" now. ' if old else ""


def key_hint(key: str, known: Iterable[str]) -> str:
    """What to do about an unknown key, where these are known."""
    names = list(known)
    if key in _NOW:
        return _NOW[key]
    folded = {name.lower(): name for name in names}
    near = folded.get(key.lower().replace("_", "")) or next(iter(get_close_matches(key, names, 1)), None)
    return f'Did you mean "{near}"?' if near else f"Known keys: {', '.join(names)}."
