"""What type checkers must refuse: an ``ignore`` here that is not needed is an error of theirs.

Nothing here is executed.
"""

from __future__ import annotations

from iexec_lab import connect

lab = connect()
lab.app.run("0x", arg="hello")  # type: ignore[call-overload]
lab.app.run("0x", volume="many")  # type: ignore[call-overload]
lab.app.run("0x").tezt()  # type: ignore[attr-defined]
lab.app.run("0x", dry_run=True).result()  # type: ignore[attr-defined]
lab.app.request_execution("0x", use_voucher=True)  # type: ignore[call-arg]
lab.orderbook.workerpool(bulk_only=True)  # type: ignore[call-arg]
lab.deal.list(ap="0x")  # type: ignore[call-arg]
lab.account.deposit("1 RLC", forze=True)  # type: ignore[call-arg]
lab.apps.run("0x")  # type: ignore[attr-defined]
