"""Figures of the market's past: functions from frames of ``lab.history`` to plain frames.

    from iexec_lab.history import stats
    deals = lab.history.deals("30d")
    stats.per_workerpool(deals)         # also lab.history.per_workerpool("30d")

Sums are exact (``..._nrlc``, with the twin ``..._rlc`` to look at). Empty frames give empty frames with the
same columns. All periods are UTC. A Dask frame works as well; what it adds up to is a pandas frame.

A price is for one task. What a task costs is paid when it is completed; what was locked for one that nobody
finished goes back to the payer when it is claimed. So of each deal ``volume_nrlc`` is what all tasks would
cost, ``spent_nrlc`` what the completed ones did; ``failed`` counts those claimed. A deal, and all that
became of it, belongs to the day on which it was made.
"""

from __future__ import annotations

from iexec_lab.history.stats.counted import per, per_app, per_day, per_requester, per_workerpool
from iexec_lab.history.stats.earned import earnings
from iexec_lab.history.stats.over_time import match_to_result, prices, staked
from iexec_lab.history.stats.overdue import late, success
from iexec_lab.history.stats.shares import concentration

__all__ = [
    "concentration",
    "earnings",
    "late",
    "match_to_result",
    "per",
    "per_app",
    "per_day",
    "per_requester",
    "per_workerpool",
    "prices",
    "staked",
    "success",
]
