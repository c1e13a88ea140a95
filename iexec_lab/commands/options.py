"""Option blocks that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from iexec_lab.commands.tree import Option
from iexec_lab.frameworks import TEE_FRAMEWORKS

if TYPE_CHECKING:
    from iexec_lab.client.options import Opt


def flag(name: str, help: str, group: str = "options") -> Option:  # noqa: A002 - the word of argparse
    return Option(name, "flag", help, "none", group=group)


WALLET_OPEN = (
    Option("--password", "password", "password of the wallet file (asked for when needed)", group="wallet"),
    Option(
        "--wallet-file",
        "file",
        "name of a file in the keystore folder",
        shows="walletFileName",
        group="wallet",
    ),
    Option(
        "--wallet-address",
        "user",
        "use the wallet with this address",
        shows="walletAddress",
        group="wallet",
    ),
    Option(
        "--keystoredir",
        "folder",
        'keystore folder, or "local" or "global"',
        shows="path",
        group="wallet",
    ),
)
WALLET_NEW = (
    Option(
        "--password",
        "password",
        "encrypt the wallet with this password (asked for when needed)",
        group="wallet",
    ),
    flag("--unencrypted", "write wallet.json without encryption; for tests only", "wallet"),
    Option(
        "--keystoredir",
        "folder",
        'keystore folder, or "local" or "global"',
        shows="path",
        group="wallet",
    ),
)
CHAIN = (
    Option(
        "--chain",
        "chain",
        "network to work on: a chain of chain.json, or sandbox",
        shows="name",
        group="network",
    ),
)
TRANSACTION = (
    Option(
        "--gas-price",
        "ether",
        "price of gas, in wei unless a unit follows",
        shows="amount unit",
        variadic=True,
        group="network",
    ),
    Option(
        "--confirms",
        "integer",
        "blocks to wait for after a transaction (1)",
        shows="blockCount",
        group="network",
    ),
)
READS = (*WALLET_OPEN, *CHAIN)
SIGNS = (*WALLET_OPEN, *CHAIN)
SENDS = (*WALLET_OPEN, *CHAIN, *TRANSACTION)

FORCE = flag("--force", "do not ask for confirmation")
OVERWRITE = flag("--force", "replace files without asking")
USER = Option("--user", "user", "look at this user instead of the wallet", shows="address")
TO = Option("--to", "user", "who receives", shows="address")
TEE_FRAMEWORK = Option(
    "--tee-framework",
    "framework",
    "the secret manager of this framework",
    shows="name",
    choices=TEE_FRAMEWORKS,
)
SKIP_PREFLIGHT = flag("--skip-preflight-check", "do not check secrets and tags before signing")
FORCE_UPDATE = flag("--force-update", "replace what is stored")


VOUCHER = (
    flag("--use-voucher", "pay with the wallet's voucher"),
    Option("--voucher-address", "address", "pay with this voucher", shows="voucherAddress"),
)

DATASET_FOLDERS = (
    Option("--dataset-keystoredir", "folder", "where keys are stored (.secrets/datasets)", shows="path"),
    Option("--original-dataset-dir", "folder", "where clear files are (datasets/original)", shows="path"),
    Option("--encrypted-dataset-dir", "folder", "where encrypted ones go (datasets/encrypted)", shows="path"),
)
BENEFICIARY_FOLDER = Option(
    "--beneficiary-keystoredir", "folder", "where result keys are (.secrets/beneficiary)", shows="path"
)
BENEFICIARY_KEY = Option(
    "--beneficiary-key-file", "file", "name of the private key in that folder", shows="fileName"
)


PLOT = Option(
    "--plot",
    "path",
    "a picture: in a terminal its figures as bars, or a file (.png, .svg, .pdf), which is replaced",
    "optional",
    shows="file",
    group="output",
)


def declared_options(options: type) -> tuple[Option, ...]:
    """The options that a verb declares, as options of the command line."""
    from iexec_lab.client.options import on_a_line

    return tuple(_of_line(name, opt) for name, opt in on_a_line(options).items())


def _of_line(name: str, opt: Opt) -> Option:
    value: Literal["none", "required"] = "none" if opt.kind == "flag" else "required"
    text = f"{opt.help}; {opt.line}" if opt.line else opt.help
    flag_ = f"--{name.replace('_', '-')}"
    return Option(flag_, opt.kind, text, value, shows=opt.shows, variadic=opt.variadic)


def watching() -> tuple[Option, ...]:
    """``--watch`` and the options of a wait."""
    from iexec_lab.client.wait_options import WaitOptions

    return flag("--watch", "wait until all tasks have ended"), *declared_options(WaitOptions)
