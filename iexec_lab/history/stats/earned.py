"""Who earned what: owners by the deals, schedulers and workers by the rewards on chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from iexec_lab.history.stats.exact import about, held, integers, is_missing, table, texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

_OWNED: Final = ("app", "dataset")


def earnings(deals: Any, tasks: Any = None, events: Any = None) -> pd.DataFrame:
    """What each party earned, and lost of its stake.

    An owner gets the price of each completed task. What a workerpool's price makes is shared by its owner and
    the workers, with the stakes of workers who were wrong and what the kitty gives: only the rewards on chain
    say how. Without ``events`` that is one row of the role ``workerpool``, on its owner's account.

    Args:
        deals: A frame of ``lab.history.deals``.
        tasks: A frame of ``lab.history.tasks``, needed beside events.
        events: A frame of ``lab.history.events`` with ``Reward`` and ``Seize``: of the same tasks.

    Returns:
        DataFrame, one row per account and role, the largest first: ``account``, ``role`` (``app_owner``,
            ``dataset_owner``, ``workerpool_owner``, ``worker``; ``workerpool`` for both together; ``other``,
            as the kitty, which gets the stakes of failed tasks), ``tasks`` (how many paid), ``earned_nrlc``,
            ``lost_nrlc`` (stakes seized).

    Raises:
        ValidationError: It is no such frame.
    """
    names = [f"{kind}_{part}" for kind in (*_OWNED, "workerpool") for part in ("owner", "price_nrlc")]
    found = held(deals, ["deal_id", "completed", "requester", "sponsor", *names])
    book: dict[tuple[str, str], list[int]] = {}
    completed = integers(found["completed"])
    for kind in _OWNED if events is not None else (*_OWNED, "workerpool"):
        role = "workerpool" if kind == "workerpool" else f"{kind}_owner"
        owners = texts(found[f"{kind}_owner"])
        for owner, price, count in zip(owners, integers(found[f"{kind}_price_nrlc"]), completed, strict=True):
            if owner is not None and count:
                _add(book, owner, role, count, price * count)
    if events is not None:
        for account, role, earned, lost in _moved(found, tasks, events):
            _add(book, account, role, 1 if earned is not None else 0, earned or 0, lost)
    largest = sorted(book.items(), key=lambda item: (-item[1][1], -item[1][0], item[0]))
    rows = [(*key, *sums) for key, sums in largest]
    kinds = {"account": "text", "role": "text", "tasks": "count", "earned_nrlc": "nrlc", "lost_nrlc": "nrlc"}
    return table("earnings", kinds, rows, **about(deals))


def _add(book: dict[tuple[str, str], list[int]], account: str, role: str, *amounts: int) -> None:
    sums = book.setdefault((account, role), [0, 0, 0])
    for place, amount in enumerate(amounts):
        sums[place] += amount


def _moved(deals: pd.DataFrame, tasks: Any, events: Any) -> Iterator[tuple[str, str, int | None, int]]:
    """(account, role, earned or None, lost) of what the chain moved for tasks, but for the owners' prices.

    For one task the chain pays the app's and the dataset's owner their prices, then its workers, and the
    workerpool's owner last; so of several payments to an owner who also worked, the first is the worker's.
    """
    order = [name for name in ("block", "log_index") if name in getattr(events, "columns", ())]
    moves = held(events, ["event", "task_id", "account", "amount_nrlc", *order])
    moves = moves[moves["event"].isin(["Reward", "Seize"])]
    if order:
        moves = moves.sort_values(order, kind="stable")
    by_task: dict[str, list[tuple[str, str, int]]] = {}
    for event, task, account, amount in zip(
        texts(moves["event"]),
        texts(moves["task_id"]),
        texts(moves["account"]),
        integers(moves["amount_nrlc"]),
        strict=True,
    ):
        if task is not None and account is not None:
            by_task.setdefault(task, []).append((event, account, amount))
    terms = {str(row["deal_id"]): row for row in deals.to_dict("records")}
    done = held(tasks, ["task_id", "deal_id", "status", "workers"])
    for task, deal, status, workers in zip(
        done["task_id"].tolist(),
        done["deal_id"].tolist(),
        texts(done["status"]),
        done["workers"].tolist(),
        strict=True,
    ):
        if deal in terms and task in by_task:
            yield from _of_task(terms[deal], by_task[task], _listed(workers), ended=status == "COMPLETED")


def _listed(workers: Any) -> list[str]:
    """Addresses in lower case: a list is an object to frames, which do not spell what is in it."""
    absent = not hasattr(workers, "__iter__") and is_missing(workers)
    return [] if absent else [str(each).lower() for each in workers]


def _of_task(
    deal: Mapping[Any, Any], moves: list[tuple[str, str, int]], workers: list[str], *, ended: bool
) -> Iterator[tuple[str, str, int | None, int]]:
    owner = deal["workerpool_owner"]
    rewards, seized = (
        [(account, amount) for event, account, amount in moves if event == name]
        for name in ("Reward", "Seize")
    )
    if ended:
        prices = [integers([deal[f"{kind}_price_nrlc"]])[0] for kind in (*_OWNED, "workerpool")]
        payer = deal["requester"] if is_missing(deal["sponsor"]) else deal["sponsor"]
        _drop(seized, (payer, sum(prices)))
        for kind, price in zip(_OWNED, prices, strict=False):
            _drop(rewards, (deal[f"{kind}_owner"], price))
    wrong = {account.lower() for account, _ in seized}
    waiting = [worker for worker in workers if worker not in wrong]
    sums: dict[tuple[str, str], list[int | None]] = {}
    for account, amount in rewards:
        role = "workerpool_owner" if ended and account == owner else "other"
        if ended and account.lower() in waiting:
            waiting.remove(account.lower())
            role = "worker"
        before = sums.setdefault((account, role), [None, 0])
        before[0] = (before[0] or 0) + amount
    for account, amount in seized:
        late = account == owner and not ended
        if late or account.lower() in workers:
            before = sums.setdefault((account, "workerpool_owner" if late else "worker"), [None, 0])
            before[1] = (before[1] or 0) + amount
    for (account, role), (earned, lost) in sums.items():
        yield account, role, earned, lost or 0


def _drop(moves: list[tuple[str, int]], one: tuple[str, int]) -> None:
    if one in moves:
        moves.remove(one)
