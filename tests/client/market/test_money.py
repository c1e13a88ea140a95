from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.client.market.money import Event, movements
from iexec_lab.protocol import NULL_ADDRESS

HUB, ME, OTHER = (f"0x{digit * 40}" for digit in "123")


class Told:
    """What a hub does to two accounts, as the events that it emits."""

    def __init__(self):
        self.events, self.stake, self.locked = [], {ME: 0, OTHER: 0, HUB: 0}, {ME: 0, OTHER: 0, HUB: 0}

    def emit(self, name, account, amount, to=""):
        index = len(self.events)
        self.events.append(
            Event(index // 7, index, f"0x{index // 3:064x}", 0, name, account, to, amount, None)
        )

    def move(self, sender, receiver, amount):
        for who, change in ((sender, -amount), (receiver, amount)):
            if who != NULL_ADDRESS:
                self.stake[who] += change
        self.emit("Transfer", sender, amount, receiver)

    def do(self, what, who, amount):
        other = OTHER if who == ME else ME
        if what == "deposit":
            self.move(NULL_ADDRESS, who, amount)
        elif what == "withdraw":
            self.move(who, NULL_ADDRESS, min(amount, self.stake[who]))
        elif what == "send":
            self.move(who, other, min(amount, self.stake[who]))
        elif what == "send to oneself":
            self.move(who, who, min(amount, self.stake[who]))
        elif what == "give to the hub":
            self.move(who, HUB, min(amount, self.stake[who]))
        elif what == "lock":
            nrlc = min(amount, self.stake[who])
            self.move(who, HUB, nrlc)
            self.locked[who] += nrlc
            self.emit("Lock", who, nrlc)
        elif what == "unlock":
            nrlc = min(amount, self.locked[who])
            self.move(HUB, who, nrlc)
            self.locked[who] -= nrlc
            self.emit("Unlock", who, nrlc)
        elif what == "seize":
            nrlc = min(amount, self.locked[who])
            self.locked[who] -= nrlc
            self.emit("Seize", who, nrlc)
            self.move(HUB, other, nrlc)
            self.emit("Reward", other, nrlc)
        else:  # the newest hubs put what the kitty gets into its lock at once
            self.locked[who] += amount
            self.stake[HUB] += amount
            self.emit("Reward", who, amount)
            self.emit("Lock", who, amount)


DEEDS = (
    "deposit",
    "withdraw",
    "send",
    "send to oneself",
    "give to the hub",
    "lock",
    "unlock",
    "seize",
    "kitty",
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(DEEDS), st.sampled_from((ME, OTHER)), st.integers(0, 5) | st.integers(0, 2**100)
        ),
        max_size=40,
    )
)
def test_balances_after_the_last_movement_are_those_of_the_account(deeds):
    told = Told()
    for deed in deeds:
        told.do(*deed)
    for who in (ME, OTHER):
        moved = movements([each for each in told.events if who in {each.account, each.to}], who)
        last = (moved[-1].stake, moved[-1].locked) if moved else (0, 0)
        assert last == (told.stake[who], told.locked[who])
        assert sum(each.stake_change for each in moved) == told.stake[who]
        assert all(each.amount for each in moved)


@pytest.mark.parametrize(
    ("deed", "kinds", "amounts"),
    [
        ("deposit", ["mint"], [9]),
        ("lock", ["mint", "lock"], [9, -9]),
        ("give to the hub", ["mint", "out"], [9, -9]),
        ("withdraw", ["mint", "burn"], [9, -9]),
        ("send", ["mint", "out"], [9, -9]),
    ],
)
def test_a_pair_of_events_is_one_movement(deed, kinds, amounts):
    told = Told()
    told.do("deposit", ME, 9)
    if deed != "deposit":
        told.do(deed, ME, 9)
    moved = movements(told.events, ME)
    assert [each.kind for each in moved] == kinds
    assert [each.amount for each in moved] == amounts


def test_events_of_the_same_size_that_do_not_follow_each_other_are_no_pair():
    told = Told()
    told.do("deposit", ME, 20)
    told.do("give to the hub", ME, 5)
    told.do("deposit", OTHER, 5)
    told.do("lock", ME, 5)
    mine = [each for each in told.events if ME in {each.account, each.to}]
    assert [each.kind for each in movements(mine, ME)] == ["mint", "out", "lock"]
