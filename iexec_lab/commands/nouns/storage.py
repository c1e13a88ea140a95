"""``storage``: where results are stored."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from iexec_lab.commands.handlers import calling, done
from iexec_lab.commands.options import FORCE_UPDATE, READS, SIGNS, TEE_FRAMEWORK, USER
from iexec_lab.commands.tree import Argument, Command, Option

if TYPE_CHECKING:
    from argparse import Namespace

    from iexec_lab.commands.context import Context
    from iexec_lab.commands.outcome import Outcome


def upload(context: Context, args: Namespace) -> Outcome:
    from iexec_lab.project.dataset_entry import fill_uploaded

    lab = context.lab(args)
    with context.face.working("Uploading"):
        outcome = done(lab, "storage.upload", "Uploaded to {multiaddr}.", path=args.path)
    filled = fill_uploaded(context.folder, args.path, outcome.raw["multiaddr"])
    if filled:
        context.face.remark(filled)
    return replace(outcome, said="", told=outcome.said)


_PROVIDER = Argument("provider", "provider", "ipfs or dropbox; by default the network's")

COMMANDS = (
    Command(
        ("storage", "init"),
        "store the token that lets workers save your results",
        calling("storage.init", doing="Storing the token", said="Storage is ready.", has_value=False),
        args=(_PROVIDER,),
        options=(
            *SIGNS,
            FORCE_UPDATE,
            Option(
                "--token", "secret", "access token of the provider (asked for when needed)", shows="token"
            ),
            TEE_FRAMEWORK,
        ),
        example="storage init dropbox",
        notes="Needed for dropbox, and for ipfs where the network has a result proxy.",
    ),
    Command(
        ("storage", "check"),
        "show whether a storage token is stored",
        calling("storage.check", doing="Asking the secret manager"),
        args=(_PROVIDER,),
        options=(*READS, USER, TEE_FRAMEWORK),
        example="storage check dropbox",
    ),
    Command(
        ("storage", "upload"),
        "put a file on the network's IPFS node",
        upload,
        args=(Argument("path", "file", "the file, encrypted if it is confidential", required=True),),
        options=READS,
        example="storage upload datasets/encrypted/table.csv.enc",
        notes="Anyone can read it there. If it is the encrypted file of the dataset in iexec.json,\n"
        "its address is written there, as multiaddr.",
    ),
)
