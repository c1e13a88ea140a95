"""``voucher``: vouchers that pay for tasks, on networks that have them."""

from __future__ import annotations

from iexec_lab.commands.handlers import calling
from iexec_lab.commands.options import FORCE, READS, SIGNS, USER
from iexec_lab.commands.tree import Argument, Command

_REQUESTER = Argument("requester", "user", "who may use the voucher", required=True)

COMMANDS = (
    Command(
        ("voucher", "show"),
        "show somebody's voucher and what it pays for",
        calling("voucher.show", doing="Reading the voucher"),
        options=(*READS, USER),
        example="voucher show --chain bellecour",
    ),
    Command(
        ("voucher", "authorize"),
        "allow somebody to pay with your voucher",
        calling("voucher.authorize", doing="Authorizing", said="{requester} may use the voucher."),
        args=(_REQUESTER,),
        options=(*SIGNS, FORCE),
        example="voucher authorize 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --chain bellecour",
        spends=True,
    ),
    Command(
        ("voucher", "revoke"),
        "no longer allow somebody to pay with your voucher",
        calling("voucher.revoke", doing="Revoking", said="{requester} may no longer use the voucher."),
        args=(_REQUESTER,),
        options=(*SIGNS, FORCE),
        example="voucher revoke 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --chain bellecour",
        spends=True,
    ),
)
