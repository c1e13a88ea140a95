"""``connect`` and ``IExec``: the market as an object whose attributes are the nouns of the command line."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from iexec_lab import doors, markup
from iexec_lab.client.choice import NAMED, Choice, choose, session_connection
from iexec_lab.client.nouns._noun import Frame, Noun
from iexec_lab.client.nouns._pandas import pd
from iexec_lab.client.nouns._table import Nouns
from iexec_lab.client.plan import Plan
from iexec_lab.client.session import Session
from iexec_lab.errors import ValidationError
from iexec_lab.networks import Network
from iexec_lab.protocol import to_bytes32
from iexec_lab.protocol.imports import keeping_recursion_limit
from iexec_lab.urls import is_loopback
from iexec_lab.wallet.signer import Signer

if TYPE_CHECKING:
    from web3 import Web3

    from iexec_lab.client.costs.costs import Costs
    from iexec_lab.client.jobs.job import Job
    from iexec_lab.client.jobs.running import JobRows
    from iexec_lab.client.live.follow import Stream
    from iexec_lab.client.live.watch import Watch
    from iexec_lab.client.market.search import Hits
    from iexec_lab.sandbox.control import Handle


class IExec(Nouns, Noun):
    """One network seen with one wallet; made by ``connect``.

    Attributes are the nouns of the command line, their methods its verbs: ``lab.app.run(...)``.

    * Addresses are 0x text. If the network has ENS, a name works wherever one wallet, app, dataset or
      workerpool is meant.
    * Amounts are int: nRLC (1 RLC is 10**9 nRLC) and wei (10**-18 of the chain's coin). Verbs that take an
      amount also take ``"1.5 RLC"`` and ``["1.5", "RLC"]``; no amount is ever rounded.
    * A DataFrame has its units in the names of columns: ``app_price_rlc`` is a float to look at, sort and
      plot, ``app_price_nrlc`` the exact ``int`` for money. Counts are ``Int64`` with exact sums and products;
      times are UTC; ``.attrs`` has kind, chain and contract.
    * Every error is an ``IexecError`` of ``iexec_lab.errors``. Besides those that a verb names:
      ValidationError for a value that is not valid, WalletError without a wallet or its password, CallError
      and TransactionError when the node refuses, ConfigurationError when the network has no such service,
      ServiceError (MarketError, SmsError, IpfsError ...) when it was not reached, ApiError when it refused.
    """

    _FRAMES: ClassVar = {
        "jobs": Frame("job", lambda rows: rows),
        "search": Frame("found", lambda rows: rows),
    }

    def info(self) -> pd.DataFrame:
        """The contracts of the network: a DataFrame of one row, as from ``network.show``."""
        return self.network.show()

    def job(self, deal_id: str | Sequence[str]) -> Job:
        """The job of a deal, or of several, made here or anywhere.

        Args:
            deal_id: 32 bytes as 0x text, or a list of them.

        Raises:
            ValidationError: It is not an id.
            ObjectNotFoundError: No such deal on this network.
        """
        from iexec_lab.client.jobs.job import Job

        ids = [deal_id] if isinstance(deal_id, str) else list(deal_id)
        job = Job(self.session, [to_bytes32(each) for each in ids])
        assert job.deals  # read now, so that a wrong id fails here
        return job

    @property
    def costs(self) -> Costs:
        """What this session signed, locked, paid and got back, and its gas: it draws itself.

        ``lab.costs.frame()`` has a row for each job or other action, ``lab.costs.total()`` the sums,
        ``with lab.costs(budget="5 RLC") as costs:`` counts a block, ``lab.costs.budget = "20 RLC"`` refuses
        what would pass it, ``lab.costs.here()`` is what was written down in this folder.
        """
        from iexec_lab.client.costs.costs import Costs

        return Costs(self.session, self.session.ledger.whole, "this session")

    def jobs(
        self,
        requester: str | None = None,
        *,
        running: bool = False,
        all: bool = False,  # noqa: A002 - the word of the command line
        limit: int = 200,
    ) -> pd.DataFrame:
        """Jobs of every wallet that was used here, running ones first, then late ones, newest first.

        Those are the deals that this folder noted when they were bought, whatever wallet paid for them, and
        what the market lists for the wallets of the folder's record, of the keystore, and the one that is
        connected. ``lab.job(deal_id)`` is the job again.

        Args:
            requester: Only the deals of this address or ENS name.
            running: Only those whose tasks go on.
            all: However many there are.
            limit: How many of the newest deals of a wallet to look at otherwise.

        Returns:
            DataFrame, one row per deal: ``deal_id``, ``wallet`` (whose), ``wallet_is`` (connected,
                keystore, or noted here: its key may be gone), ``state`` (sent, running, late or ended),
                ``done`` (tasks with a result), ``failed``, ``running``, ``claimable_nrlc`` (RLC locked in
                late tasks), ``final_deadline`` (UTC) ... ``attrs["remark"]`` says what is claimable in all.

        Raises:
            WalletError: No wallet, nothing noted here, and no requester was given.
            MarketError: The market was not reached, and nothing is noted here.
        """
        return self._draw("jobs", self._fetch_jobs(requester, running=running, all=all, limit=limit))

    def _fetch_jobs(
        self,
        requester: str | None = None,
        *,
        running: bool = False,
        all: bool = False,  # noqa: A002
        limit: int = 200,
    ) -> JobRows:
        from iexec_lab.client.jobs.running import find_jobs

        return find_jobs(self.session, requester, None if all else limit, running=running)

    def search(self, text: str) -> pd.DataFrame:
        """What something is, and where it leads: whatever was pasted, or a part of a name.

        Args:
            text: An address, the id of a deal or task, the hash of an order, transaction or block, the number
                of a category, an ENS name, a part of the name of an app, dataset or workerpool, a CID.

        Returns:
            DataFrame, one row per thing that it is, newest first: ``what``, ``id``, ``name``, ``owner``,
                ``happened_at`` (UTC), ``leads_to`` (the line to type next) and ``details``; after a
                transaction its events. Empty where nothing is found; ``attrs["remark"]`` then says what
                was looked for.

        Raises:
            ValidationError: There is no text.
            CallError: The node was not reached.
        """
        return self._draw("search", self._fetch_search(text))

    def _fetch_search(self, text: str) -> Hits:
        from iexec_lab.client.market.search import search

        return search(self.session, text)

    def watch(
        self,
        what: str,
        call: Callable[[Any], Any],
        *,
        once: bool = False,
        every: float = 10.0,
        **conditions: Any,
    ) -> Watch:
        """Call a function when something happens; it goes on in the background until ``stop()``.

        * ``lab.watch("grant", call)``: an order was published that lets this wallet use a dataset;
          ``kind="app"``, ``dataset=...``.
        * ``lab.watch("price", call, below="0.5 RLC", category=0)``: an order is cheaper, or ``above`` for
          requests; ``kind``, and the filters of its list. Those that are there already count.
        * ``lab.watch("order", call, kind=..., ...)``: an order was published.
        * ``lab.watch("deal", call, app=...)``: a deal was made.
        * ``lab.watch("task", call)``: a task of this wallet failed, or cannot be expected to complete;
          ``status="completed"`` or ``"ended"``, ``deal=...``, ``requester=...``.

        Args:
            what: ``grant``, ``order``, ``price``, ``deal`` or ``task``.
            call: Called with a ``Change``, or a ``TaskChange`` for tasks, in a thread: one at a time.
            once: Stop after the first call.
            every: Seconds between two looks at tasks, and at lists where the market has no feed.
            **conditions: See above.

        Returns:
            Watch, with ``stop()``, ``wait()``, ``calls`` and ``error``: what ended it.

        Raises:
            ValidationError: There is no such event, or it has no such condition.
            MarketError: The market was not reached.
        """
        from iexec_lab.client.live.watch import watch

        def open_stream(kind: str, address: str | None, **filters: Any) -> Stream:
            if kind == "deal":
                return self.deal.stream(address, **filters)
            return self.orderbook.stream(kind, address, **filters)

        return watch(
            self.session, what, call, open_stream=open_stream, once=once, every=every, wanted=conditions
        )

    def form(self, command: str, **values: Any) -> Any:
        """A form for a command, in a notebook: ``lab.form("app run")``.

        Args:
            command: Words of the command line.
            **values: Options to fill in at first.
        """
        return doors.draw_form(self, command, values)

    def explore(self, what: str | None = None, address: str | None = None) -> Any:
        """The market as a page, in a notebook or in Voilà: lists with search, filters, order and details.

        It follows the market while somebody looks at it. ``.frame`` of what is returned is the list that is
        shown, ``.line`` the line that gives it.

        Args:
            what: The list that it begins with: ``workerpool-orders`` (default), ``app-orders``,
                ``dataset-orders``, ``requests``, ``deals``, ``tasks``, ``apps``, ``datasets``,
                ``workerpools``; of one thing those that it has.
            address: Begin with one thing: an account, app, dataset, workerpool, deal or task.

        Raises:
            ValidationError: There is no such list.
            ObjectNotFoundError: Nothing is known by that address.
            LibraryError: itables is not installed (it is in the extra ``explore``).
        """
        return doors.explore(self, what, address)

    def dashboard(self) -> Any:
        """The wallet's account, jobs, statement, orders and earnings as a page, as ``explore``.

        Raises:
            WalletError: There is no wallet.
            LibraryError: itables is not installed (it is in the extra ``explore``).
        """
        return doors.dashboard(self)

    @cached_property
    def web3(self) -> Web3:
        """The network's node as a ``web3.Web3``, for what has no verb here."""
        with keeping_recursion_limit():
            from requests import Session as HttpSession
            from web3 import HTTPProvider, Web3

        host = self.session.network.host
        if not host.startswith("http"):
            raise ValidationError(
                f"{self.session.network.name} is reached through several providers",
                hint='To use "web3", set a host of its own in chain.json.',
            )
        http = HttpSession()
        http.trust_env = not is_loopback(host)  # no proxy reaches our own loopback
        return Web3(HTTPProvider(host, session=http))

    def __repr__(self) -> str:
        return f"<IExec on {self._network()}, wallet {self._wallet()}>"

    def _repr_html_(self) -> str:
        name = markup.element("b", "iExec")
        return markup.text(name, " on ", self._network(), ", wallet ", markup.whole(self._wallet()))

    def _network(self) -> str:
        why = "" if self.session.network_from == NAMED else f", {self.session.network_from}"
        return f"{self.network.name} (chain {self.network.chain_id}{why})"

    def _wallet(self) -> str:
        address = self.session.wallet.address
        return f"{address} ({self.session.wallet.origin})" if address else "none"


def connect(
    network: str | int | Network | Handle | None = None,
    wallet: str | Signer | None = None,
    *,
    project: str | os.PathLike[str] | None = None,
    password: str | None = None,
    wallet_file: str | None = None,
    wallet_address: str | None = None,
    keystoredir: str | None = None,
    gas_price: int | None = None,
    confirms: int = 1,
    confirm: Callable[[Plan], bool] | None = None,
    ask_secret: Callable[[str], str] | None = None,
    timeout: float = 30,
) -> IExec:
    """Open a network with a wallet. Nothing is sent and no password is asked for before it is needed.

    Args:
        network: ``sandbox`` (found, or started), ``sandbox:<name>``, ``arbitrum-mainnet``,
            ``arbitrum-sepolia-testnet``, ``bellecour``, ``mainnet``, a chain id, a chain of the project, or
            what ``with Sandbox() as sandbox`` gives. By default the one the notebook is connected to, else
            the default of ``chain.json``, else the sandbox.
        wallet: A signer, an address or file name in the keystore, ``create`` (a new keystore file), ``new``
            (a new key kept in memory only, where RLC is worth nothing), or ``browser`` (the wallet in the
            browser, which is asked for its address at once). By default the one the notebook connected with,
            else the key in ``IEXEC_PRIVATE_KEY``, else the folder's, else a funded user on the sandbox, the
            newest keystore file elsewhere: ``iexec_lab.client.choice.choose`` has the rule.
        project: Folder with ``chain.json``, ``.secrets`` and ``datasets`` (default: the current one).
        password: Of the keystore file.
        wallet_file: Name of a file in the keystore, as ``--wallet-file``.
        wallet_address: Address of a wallet in the keystore, as ``--wallet-address``.
        keystoredir: ``global``, ``local`` or a folder, as ``--keystoredir``.
        gas_price: Wei per gas; by default what the node says.
        confirms: Blocks to wait for after a transaction, at least 1.
        confirm: Asked with a plan before anything is signed or spent. Without it everything is allowed where
            RLC is worth nothing, and nothing where it has value, unless the verb is given ``force=True``.
        ask_secret: Asked for passwords and secrets that were not given; by default the terminal.
        timeout: Seconds to wait for one answer of a node or a service.

    Raises:
        ConfigurationError: No such network.
        SandboxError: The sandbox could not be started.
        WalletError: No such wallet, none in the browser, or ``wallet="new"`` where RLC has value.
    """
    folder = Path(project) if project is not None else None
    chosen = choose(
        network,
        wallet,
        project=folder,
        connected=session_connection(folder),
        password=password,
        wallet_file=wallet_file,
        wallet_address=wallet_address,
        keystoredir=keystoredir,
        ask=ask_secret,
    )
    return open_lab(
        chosen,
        must_exist=isinstance(wallet, str),
        folder=folder,
        gas_price=gas_price,
        confirms=confirms,
        confirm=confirm,
        ask_secret=ask_secret,
        timeout=timeout,
    )


def open_lab(chosen: Choice, *, must_exist: bool = False, **settings: Any) -> IExec:
    """The lab of a choice; ``settings`` are those of ``Session``.

    Raises:
        WalletError: The wallet ``must_exist`` and does not.
    """
    session = Session(chosen.network, chosen.wallet, network_from=chosen.network_from, **settings)
    if must_exist:
        session.own_address  # noqa: B018 -- a missing wallet fails now
    return IExec(session)
