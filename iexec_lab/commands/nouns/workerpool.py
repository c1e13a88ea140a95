"""``workerpool``: deploy and sell computing power."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iexec_lab.commands import asset_commands, list_commands
from iexec_lab.commands.handlers import calling
from iexec_lab.commands.options import (
    FORCE,
    SENDS,
    WALLET_OPEN,
)
from iexec_lab.commands.tree import Argument, Command

if TYPE_CHECKING:
    from argparse import Namespace

    from iexec_lab.commands.context import Context
    from iexec_lab.commands.outcome import Outcome


def init(context: Context, args: Namespace) -> Outcome:
    from iexec_lab.project import templates

    owner = asset_commands.owner_of(context, args)
    return asset_commands.save_template(context, "workerpool", templates.resource("workerpool", owner))


COMMANDS = (
    Command(
        ("workerpool", "init"),
        "write a sample workerpool into iexec.json",
        init,
        options=WALLET_OPEN,
        example="workerpool init",
    ),
    asset_commands.deploy("workerpool"),
    asset_commands.show("workerpool"),
    *list_commands.of_asset("workerpool"),
    asset_commands.count("workerpool"),
    asset_commands.publish(
        "workerpool",
        example="workerpool publish --category 0 --price 0.1 RLC --volume 10",
    ),
    asset_commands.unpublish("workerpool"),
    asset_commands.transfer("workerpool"),
    Command(
        ("workerpool", "set-api-url"),
        "publish the URL of the pool's API (networks with ENS)",
        calling(
            "workerpool.set_api_url",
            doing="Writing the text record",
            said="The API of {address} is at {url}.",
            deployed="workerpool",
        ),
        args=(
            Argument("api-url", "url", "http(s) URL of the pool's API", required=True, shows="apiUrl"),
            asset_commands.address("workerpool"),
        ),
        options=(*SENDS, FORCE),
        example="workerpool set-api-url https://pool.example.com",
        spends=True,
    ),
)
