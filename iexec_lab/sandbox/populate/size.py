"""What is asked for, and the dice and keys that follow from it."""

from __future__ import annotations

import random
from dataclasses import dataclass

from iexec_lab.errors import ValidationError
from iexec_lab.protocol.hashing import keccak
from iexec_lab.protocol.signatures import key_address
from iexec_lab.sandbox.chain.accounts import Account

DAY = 86_400
MOST = 100_000
"""Orders and deals of one market."""
MOST_DAYS = 3_650


@dataclass(frozen=True, slots=True)
class Size:
    """A market: how many open orders and deals, over how many days, and the seed of everything else.

    Equal sizes give equal markets; those that differ in anything share no address.

    Raises:
        ValidationError: A number is out of range.
    """

    orders: int = 500
    deals: int = 100
    seed: int = 1
    days: int = 90

    def __post_init__(self) -> None:
        for name, least, most in (
            ("orders", 0, MOST),
            ("deals", 0, MOST),
            ("seed", 0, 2**63 - 1),
            ("days", 1, MOST_DAYS),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise ValidationError(f"{name} must be a whole number", details={name: value})
            if not least <= value <= most:
                raise ValidationError(f"{name} must be {least} to {most:,}", details={name: value})

    @property
    def name(self) -> str:
        """Text that no other market has."""
        return f"{self.seed}-{self.orders}-{self.deals}-{self.days}"

    def dice(self, what: str) -> random.Random:
        """Random numbers for one purpose: what is asked elsewhere does not change them."""
        return random.Random(f"iexec-lab populate {self.name} {what}")  # noqa: S311 -- a play, no secret

    def account(self, role: str, number: int = 0) -> Account:
        """The wallet of a participant. Whoever knows the size knows its key."""
        key = keccak(f"iexec-lab populate {self.name} {role} {number}".encode())
        return Account(key_address(key), key)

    def word(self, what: str) -> bytes:
        """32 bytes that nothing else has."""
        return keccak(f"iexec-lab populate {self.name} word {what}".encode())
