"""The official SDK of one version, set for a sandbox, for scripts that do many things in one process."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from helpers.official.tools import install, sdk

from iexec_lab.client.iexec import connect
from iexec_lab.wallet.signer import LocalSigner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from iexec_lab.client.iexec import IExec
    from iexec_lab.sandbox.control import Handle

VERSIONS = ("9.0.1", "8.22.5")

# Receipts are polled for often, and nothing read is remembered: scripts are many transactions long.
PRELUDE = """
const { Wallet, JsonRpcProvider } = await import('ethers');
const provider = new JsonRpcProvider(setting.rpc, undefined, { pollingInterval: 40, cacheTimeout: -1 });
const lab = (key, more = {}) =>
  new iexec.IExec({ ethProvider: new Wallet(key, provider) }, { ...setting.options, ...more });
const reader = new iexec.IExec({ ethProvider: setting.rpc }, setting.options);
const refused = (work) =>
  Promise.resolve().then(work).then(() => null, (error) => `${error.name}: ${error.message}`);
const plain = (value) => {
  if (value instanceof iexec.utils.BN || typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]));
};
const sgx =
  { framework: 'SCONE', version: 'v5', entrypoint: 'python3 app.py', heapSize: 1, fingerprint: 'ab' };
const noCheck = { preflightCheck: false };
const rpc = (method, ...params) => provider.send(method, params);
// What follows the chain on its own, such as the market, shows a change a moment after it was mined.
const until = async (good, look) => {
  const end = Date.now() + 300_000;
  for (;;) {
    const found = await look();
    if (good(found) || Date.now() > end) return found;
    await new Promise((done) => setTimeout(done, 30));
  }
};
const watched = (observable) => new Promise((done) => {
  const messages = [];
  observable.subscribe({
    next: (step) => messages.push(plain(step)),
    complete: () => done({ messages, error: null }),
    error: (error) => done({ messages, error: `${error.name}: ${error.message}` }),
  });
});
"""


class Peer:
    """``Peer(version, sandbox)(script, **values)``: the script sees ``lab(key)`` and the helpers above."""

    def __init__(self, version: str, sandbox: Handle) -> None:
        self.version = version
        urls = sandbox.urls
        options: dict[str, Any] = {
            "hubAddress": sandbox.hub,
            "smsURL": urls["sms"],
            "iexecGatewayURL": urls["market"],
            "ipfsGatewayURL": urls["ipfs_gateway"],
            "ipfsNodeURL": urls["ipfs_node"],
            "compassURL": urls["compass"],
            "allowExperimentalNetworks": True,
        }
        if version.startswith("8."):
            options |= {
                "resultProxyURL": urls["result_proxy"],
                "isNative": sandbox.native,
                "useGas": not sandbox.native,
                "smsURL": {"scone": urls["sms"], "gramine": urls["sms"]},
            }
        self._setting = {"rpc": urls["rpc"], "options": options}

    def __call__(self, script: str, **values: Any) -> Any:
        return sdk(self.version, PRELUDE + script, setting=self._setting, **values)


def both(sandbox: Handle, script: str, values: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """What the script answers under each version, side by side; ``values(version)`` are its arguments."""
    for version in VERSIONS:
        install(version)
    with ThreadPoolExecutor() as pool:
        runs = {
            version: pool.submit(Peer(version, sandbox), script, **values(version)) for version in VERSIONS
        }
        return {version: run.result() for version, run in runs.items()}


def new_key(sandbox: Handle, rlc: Any = "100 RLC", ether: Any = "10 ether") -> str:
    """The private key of a new wallet that holds this."""
    key = secrets.token_hex(32)
    sandbox.fund(LocalSigner(key).address, rlc, ether)
    return f"0x{key}"


def open_lab(sandbox: Handle, key: Any, folder: Path) -> IExec:
    """Our client on the sandbox, with the wallet of that private key."""
    return connect(sandbox, LocalSigner(key), project=folder)


def key_of(account: Any) -> str:
    """The private key of a sandbox account as the SDK takes it."""
    return f"0x{account.key.hex()}"


def tee_tag(version: str) -> list[str]:
    """The tag of the TEE framework that each version was made for."""
    return ["tee", "scone"] if version.startswith("8.") else ["tee", "tdx"]
