"""``account``: RLC staked on the marketplace."""

from __future__ import annotations

from iexec_lab.client.market.filters import ChildFilters
from iexec_lab.client.market.own_filters import StatementFilters
from iexec_lab.commands.account_lists import history
from iexec_lab.commands.dry_run import DRY_RUN, rehearsable
from iexec_lab.commands.handlers import calling
from iexec_lab.commands.list_commands import DETAILS, of_one
from iexec_lab.commands.options import FORCE, PLOT, READS, SENDS, USER, declared_options
from iexec_lab.commands.plotting import plotting
from iexec_lab.commands.tree import Argument, Command

AMOUNT = Argument("amount", "amount", "how much, in nRLC unless a unit follows", required=True)
UNIT = Argument("unit", "unit", "nRLC (default) or RLC")
SPENDER = Argument("spender", "address", "who may use the stake", required=True)


COMMANDS = (
    Command(
        ("account", "show"),
        "show staked and locked RLC",
        calling("account.show", doing="Reading the account"),
        args=(Argument("address", "user", "whose account; by default the wallet's"),),
        options=(*READS, DETAILS),
        example="account show",
    ),
    of_one(
        "account",
        "contributions",
        Argument("address", "user", "whose; by default the wallet's"),
        "what a worker contributed to, newest first",
        filters=ChildFilters,
        example="account contributions 0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    ),
    Command(
        ("account", "history"),
        "the statement of an account: every RLC in and out",
        plotting(history, "balance"),
        args=(Argument("address", "user", "whose account; by default the wallet's"),),
        options=(*READS, PLOT, *declared_options(StatementFilters)),
        example="account history --since 7d",
        notes="Ends at the balance that the hub shows; says so where it does not.",
    ),
    Command(
        ("account", "deposit"),
        "stake RLC of the wallet",
        rehearsable(calling("account.deposit", doing="Depositing", said="Deposited {amount_rlc}.")),
        args=(AMOUNT, UNIT),
        options=(*SENDS, FORCE, DRY_RUN),
        example="account deposit 1.5 RLC",
        notes="Deals are paid from the stake.",
        spends=True,
    ),
    Command(
        ("account", "withdraw"),
        "move staked RLC back to the wallet",
        rehearsable(calling("account.withdraw", doing="Withdrawing", said="Withdrew {amount_rlc}.")),
        args=(AMOUNT, UNIT),
        options=(*SENDS, FORCE, DRY_RUN),
        example="account withdraw 500000000",
        spends=True,
    ),
    Command(
        ("account", "approve"),
        "allow somebody to use part of the stake",
        rehearsable(
            calling(
                "account.approve", doing="Approving", said="{spender} may use {amount} {unit} of the stake."
            )
        ),
        args=(AMOUNT, SPENDER, UNIT),
        options=(*SENDS, FORCE, DRY_RUN),
        example="account approve 2 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 RLC",
        spends=True,
    ),
    Command(
        ("account", "allowance"),
        "how much of the stake somebody may use",
        calling(
            "account.allowance",
            doing="Reading the allowance",
            said="{spender} may use {amount_rlc} of the stake.",
        ),
        args=(SPENDER,),
        options=(*READS, USER),
        example="account allowance 0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    ),
    Command(
        ("account", "revoke"),
        "revoke an allowance",
        calling("account.revoke", doing="Revoking", said="{spender} may no longer use the stake."),
        args=(SPENDER,),
        options=(*SENDS, FORCE),
        example="account revoke 0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        spends=True,
    ),
)
