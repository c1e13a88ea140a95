"""``ens``: names of wallets and resources, on networks that have the Ethereum Name Service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iexec_lab.commands.handlers import calling, done, given
from iexec_lab.commands.options import CHAIN, FORCE, SENDS
from iexec_lab.commands.tree import Argument, Command, Option

if TYPE_CHECKING:
    from argparse import Namespace

    from iexec_lab.commands.context import Context
    from iexec_lab.commands.outcome import Outcome


def register(context: Context, args: Namespace) -> Outcome:
    lab = context.lab(args)
    values = given(args, ("label", "domain", "force"))
    if getattr(args, "for"):
        values["for_"] = getattr(args, "for")
    with context.face.working("Registering"):
        return done(lab, "ens.register", "{name} resolves to {address}.", **values)


_NAME = Argument("name", "text", "an ENS name", required=True)

COMMANDS = (
    Command(
        ("ens", "resolve"),
        "address behind a name",
        calling("ens.resolve", doing="Resolving"),
        args=(_NAME,),
        options=CHAIN,
        example="ens resolve hello.apps.iexec.eth --chain bellecour",
    ),
    Command(
        ("ens", "lookup"),
        "name of an address",
        calling("ens.lookup", doing="Looking up"),
        args=(Argument("address", "address", "whose name", required=True),),
        options=CHAIN,
        example="ens lookup 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --chain bellecour",
    ),
    Command(
        ("ens", "get-owner"),
        "owner of a name",
        calling("ens.get_owner", doing="Reading the registry"),
        args=(_NAME,),
        options=CHAIN,
        example="ens get-owner apps.iexec.eth --chain bellecour",
    ),
    Command(
        ("ens", "register"),
        "register a name for the wallet or for a resource it owns",
        register,
        args=(Argument("label", "text", "first part of the name, such as hello", required=True),),
        options=(
            *SENDS,
            FORCE,
            Option(
                "--domain",
                "text",
                "domain (users, apps, datasets or pools.iexec.eth, to fit the address)",
                shows="domain",
            ),
            Option(
                "--for",
                "address",
                "app, dataset or workerpool that gets the name (the wallet)",
                shows="address",
            ),
        ),
        example="ens register hello --chain bellecour",
        spends=True,
    ),
)
