"""Orders: make, hash, sign, publish, take off the market, cancel, fill."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from iexec_lab.client.jobs.job import Job
from iexec_lab.client.jobs.names import used_in
from iexec_lab.client.market.own_filters import AccessFilters
from iexec_lab.client.matching import preflight, signing
from iexec_lab.client.matching.check import check_match, foresee_plan
from iexec_lab.client.matching.given import kind_of, known_kind, read_match, read_order
from iexec_lab.client.matching.published import fetch_order, is_signed, to_hash
from iexec_lab.client.matching.send import check_payment, fill_plan, send_match
from iexec_lab.client.matching.signing import AnyOrder
from iexec_lab.client.matching.sponsor import Sponsor
from iexec_lab.client.nouns._noun import Frame, Noun
from iexec_lab.client.nouns._pandas import pd
from iexec_lab.client.nouns._run import begin_requirements, end_requirements
from iexec_lab.client.options import takes, with_defaults
from iexec_lab.client.permit import send, spend
from iexec_lab.client.plan import most_of
from iexec_lab.client.what_is import what_lives_at
from iexec_lab.errors import ApiError, MarketError, OrderError, TransactionError
from iexec_lab.ethereum.contracts import HUB
from iexec_lab.protocol import CLOSE, RequestOrder

if TYPE_CHECKING:
    from iexec_lab.client.market.access import AccessRows

_MANAGE = {
    "apporder": HUB.manageAppOrder,
    "datasetorder": HUB.manageDatasetOrder,
    "workerpoolorder": HUB.manageWorkerpoolOrder,
    "requestorder": HUB.manageRequestOrder,
}


def _with_deal_ids(shown: dict[str, Any]) -> dict[str, Any]:
    """An order's row, with salt and signature; its deals, if they were asked for, by their ids."""
    shown = {**shown, "salt": shown["order"]["salt"], "signature": shown["order"]["sign"]}
    if "deals" not in shown:
        return shown
    return {**shown, "deals": [deal.get("dealid") for deal in shown["deals"]["lastDeals"]]}


class Orders(Noun):
    """``lab.order``: make, hash, sign, publish, cancel and fill orders.

    An order is an object of ``iexec_lab.protocol``, or its JSON; its prices are nRLC per task.
    """

    _FRAMES: ClassVar = {
        "show": Frame(lambda shown: kind_of(shown["order"]), one=_with_deal_ids),
        "list": Frame("access", lambda rows: rows),
        "cancel": Frame("receipt"),
        "estimate": Frame("estimate"),
    }

    def create(self, /, kind: str, **values: Any) -> AnyOrder:
        """An unsigned order; fields that are not given get the SDK's defaults.

        Args:
            kind: ``app``, ``dataset``, ``workerpool`` or ``request``; ``apporder`` and so on mean the same.
            **values: Fields by protocol name: ``app="0x...", appprice="1 RLC", volume=10, tag="tee,tdx"``.

        Raises:
            ValidationError: A field is missing or not valid.
        """
        return signing.draft(self.session, known_kind(kind), values)

    def sign(
        self, /, order: Any, *, skip_preflight_check: bool = False, force: bool = False, **values: Any
    ) -> AnyOrder:
        """A signed order.

        Args:
            order: An order, its JSON, or a kind with the fields in ``values``.
            skip_preflight_check: Do not check that app, tag and secrets fit each other.
            force: Do it without asking.
            **values: Fields by protocol name, as for ``create``.

        Raises:
            ValidationError: A field is missing or not valid.
            OrderError: The wallet does not own the resource (or is not the requester), or a check failed.
            AbortedError: It was not confirmed.
        """
        if isinstance(order, str):
            order = signing.draft(self.session, known_kind(order), values)
        unsigned = read_order(order, signed=False)
        word, resource = unsigned.kind.removesuffix("order"), unsigned.resource
        if isinstance(unsigned, RequestOrder):
            word, resource = "app", unsigned.app
        if not self.session.hub.is_registered(word, [resource])[0]:
            hint = what_lives_at(self.session, resource, word)
            raise OrderError(f"No {word} deployed at address {resource}", hint=hint)
        if not skip_preflight_check:
            preflight.check(self.session, unsigned)
        unsigned = signing.with_default_tag(self.session, unsigned)
        terms = signing.order_terms(unsigned)
        plan = self.session.plan("order sign", cost_nrlc=_cost(unsigned), signs=[unsigned], **terms)
        return signing.sign(spend(self.session, plan, force=force), unsigned)

    def hash(self, order: Any) -> str:
        """The hash of a signed order, under which market and hub know it."""
        return read_order(order).hash(self.session.domain)

    def publish(self, order: Any, *, skip_preflight_check: bool = False, force: bool = False) -> str:
        """Publish a signed order; return its hash.

        Args:
            order: The order or its JSON.
            skip_preflight_check: Do not check that app, tag and secrets fit each other.
            force: Do it without asking.

        Raises:
            OrderError: A check failed.
            MarketError, ApiError: The market was not reached, or refused.
            AbortedError: It was not confirmed.
        """
        signed = read_order(order)
        signing.require_signed(signed)
        if not skip_preflight_check:
            preflight.check(self.session, signed)
        plan = self.session.plan("order publish", cost_nrlc=_cost(signed), **signing.order_terms(signed))
        spend(self.session, plan, force=force, request=self._own_request(signed))
        try:
            return signing.publish(self.session, signed)
        except ApiError as error:
            if not error.already:
                raise
            order_hash = signed.hash(self.session.domain)
            raise error.so_already(f"Order {order_hash} is published already.", order_hash) from None

    def unpublish(self, kind: str, order_hash: str, *, force: bool = False) -> str:
        """Take one order off the market; return its hash. Who kept a copy can still use it: see ``cancel``.

        Args:
            kind: ``app``, ``dataset``, ``workerpool`` or ``request``.
            order_hash: Hash of the order.
            force: Do it without asking.

        Raises:
            ApiError: No such order of the wallet is published.
            MarketError: The market was not reached, or says that it took another order off.
            AbortedError: It was not confirmed.
        """
        wanted = to_hash(kind, order_hash)
        told = self._unpublish(kind, force=force, order_hash=wanted)
        if told != [wanted]:
            raise MarketError(
                f"Market API error: The market was asked to take order {wanted} off but names another",
                details={"named": ", ".join(told[:5])},
                hint="See what is still published: iexec-lab order show.",
            )
        return wanted

    def unpublish_last(self, kind: str, address: str | None = None, *, force: bool = False) -> str:
        """Take the newest order about a resource (a request: by the wallet) off the market; return its hash.

        Args:
            kind: ``app``, ``dataset``, ``workerpool`` or ``request``.
            address: The app, dataset or workerpool; for requests the wallet, which is the default.
            force: Do it without asking.

        Raises:
            ApiError: The wallet has no open order about it.
            AbortedError: It was not confirmed.
        """
        target = address or self.session.address
        return self._unpublish(kind, force=force, resource=target, target="unpublish_last")[0]

    def unpublish_all(self, kind: str, address: str | None = None, *, force: bool = False) -> list[str]:
        """Take all orders about a resource (requests: by the wallet) off the market; return their hashes.

        Args:
            kind: As for ``unpublish_last``.
            address: As for ``unpublish_last``.
            force: Do it without asking.

        Raises:
            ApiError: The wallet has no open order about it.
            AbortedError: It was not confirmed.
        """
        target = address or self.session.address
        return self._unpublish(kind, force=force, resource=target, target="unpublish_all")

    def _unpublish(self, kind: str, *, force: bool, **target: Any) -> list[str]:
        session, known = self.session, known_kind(kind)
        spend(session, session.plan("order unpublish", kind=known, **target), force=force)
        token = session.market.log_in(session.gate)
        return session.market.unpublish(known, token, **target)

    def cancel(
        self,
        order: Any = None,
        *,
        kind: str | None = None,
        order_hash: str | None = None,
        force: bool = False,
    ) -> pd.DataFrame:
        """Close an order on chain for good; the rest of its volume is lost.

        Args:
            order: The signed order, or its JSON.
            kind: Kind of the order; needed for ``order_hash``, and where the order does not tell it.
            order_hash: Hash of a published order, instead of the order.
            force: Do it without asking.

        Returns:
            DataFrame, one row: ``tx_hash``.

        Raises:
            OrderError: Nothing is left of it.
            TransactionError: The hub refuses: it is somebody else's.
            ApiError: The market does not know the hash.
            MarketError: The market was not reached, or answered with an order of another hash.
            AbortedError: It was not confirmed.
        """
        return self._draw("cancel", self._fetch_cancel(order, kind=kind, order_hash=order_hash, force=force))

    def _fetch_cancel(
        self,
        order: Any = None,
        *,
        kind: str | None = None,
        order_hash: str | None = None,
        force: bool = False,
    ) -> dict[str, Any]:
        session = self.session
        if order_hash is not None:
            order = fetch_order(session, known_kind(kind or ""), order_hash).order
        elif kind and isinstance(order, dict):
            order = {"kind": kind, **order}
        signed = read_order(order)
        [consumed] = session.hub.view_consumed([signed.hash(session.domain)])
        if consumed >= signed.volume:
            raise OrderError(f"{signed.kind} already canceled").so_already(
                f"Nothing is left of this {signed.kind}: it is canceled or used up."
            )
        data = _MANAGE[signed.kind].encode((signed.to_tuple(), CLOSE, b""))
        details = {"remaining": signed.volume - consumed, **signing.order_terms(signed)}
        try:
            receipt = send(session, "order cancel", session.network.hub, data, details=details, force=force)
        except TransactionError as error:
            if "invalid-signature-format" in error.message:  # the hub takes it for a stranger's, and unsigned
                error.hint = f"This {signed.kind} is somebody else's: only who signed it can cancel it."
            raise
        return {"order": signed.to_json(), "txHash": receipt.tx_hash}

    def show(self, kind: str, order_hash: str, *, deals: bool = False) -> pd.DataFrame:
        """A published order, open or not.

        Its terms are verified by the hash. ``remaining`` and ``status`` are the market's word, except that an
        order whose signature is not (or no longer) its owner's is ``dead``.

        Args:
            kind: ``app``, ``dataset``, ``workerpool`` or ``request``.
            order_hash: Hash of the order.
            deals: Ask for its newest deals too.

        Returns:
            DataFrame, one row, with the columns of the order book: price in nRLC, ``remaining``, ``status``
                ...; ``deals``, the list of their ids, if they were asked for.

        Raises:
            ApiError: The market does not know it.
            MarketError: The market was not reached, or answered with an order of another hash.
        """
        return self._draw("show", self._fetch_show(kind, order_hash, deals=deals))

    def _fetch_show(self, kind: str, order_hash: str, *, deals: bool = False) -> dict[str, Any]:
        known = known_kind(kind)
        found = fetch_order(self.session, known, order_hash)
        shown: dict[str, Any] = {**found.told}
        if shown.get("status") == "open" and not is_signed(self.session, found.order):
            shown["status"] = "dead"
        if deals:
            shown["deals"] = self._deals(known, found.hash)
        return shown

    def _deals(self, kind: str, order_hash: str) -> dict[str, Any]:
        """The newest deals of an order; rows about other orders are left out."""
        by_hash: dict[str, Any] = {f"{kind}_hash": order_hash}
        page = self.session.market.deals(**by_hash)
        field = f"{kind.removesuffix('order')}Hash"
        own = [deal for deal in page.deals if str(deal.get(field, order_hash)).lower() == order_hash]
        return {"count": page.count, "lastDeals": own}

    def estimate(
        self,
        apporder: Any,
        workerpoolorder: Any,
        requestorder: Any,
        datasetorder: Any = None,
        *,
        use_voucher: bool = False,
        voucher_address: str | None = None,
    ) -> pd.DataFrame:
        """How many tasks four signed orders would give, and what they would cost.

        Args:
            apporder: Signed order, its JSON, or the hash of a published one.
            workerpoolorder: The same.
            requestorder: The same.
            datasetorder: The same; None when no dataset is used.
            use_voucher: Let the wallet's voucher pay what it sponsors.
            voucher_address: Another voucher that the wallet may use.

        Returns:
            DataFrame, one row: ``volume``, ``cost_nrlc``, ``sponsored_nrlc``, ``task_cost_nrlc``.

        Raises:
            OrderError: They make no deal; the message says why.
        """
        return self._draw(
            "estimate",
            self._fetch_estimate(
                apporder,
                workerpoolorder,
                requestorder,
                datasetorder,
                use_voucher=use_voucher,
                voucher_address=voucher_address,
            ),
        )

    def _fetch_estimate(
        self,
        apporder: Any,
        workerpoolorder: Any,
        requestorder: Any,
        datasetorder: Any = None,
        *,
        use_voucher: bool = False,
        voucher_address: str | None = None,
    ) -> dict[str, Any]:
        match = read_match(self.session, apporder, workerpoolorder, requestorder, datasetorder)
        volume = check_match(self.session, match)
        sponsor = self._sponsor(voucher_address) if use_voucher or voucher_address else None
        total = match.task_cost * volume
        sponsored = sponsor.amount(self.session, match, volume) if sponsor else 0
        return {
            "volume": str(volume),
            "total": str(total),
            "sponsored": str(sponsored),
            "perTask": str(match.task_cost),
        }

    def fill(
        self,
        apporder: Any,
        workerpoolorder: Any,
        requestorder: Any = None,
        datasetorder: Any = None,
        *,
        params: Any = None,
        skip_preflight_check: bool = False,
        use_voucher: bool = False,
        voucher_address: str | None = None,
        force: bool = False,
    ) -> Job:
        """Make the deal of four orders; return the job.

        Args:
            apporder: Signed order, its JSON, or the hash of a published one.
            workerpoolorder: The same.
            requestorder: The same; None with ``params`` makes one that fits the others.
            datasetorder: The same; None when no dataset is used.
            params: Parameters of a request to make: an object or JSON text.
            skip_preflight_check: Do not check that app, tag and secrets fit each other.
            use_voucher: Let the wallet's voucher pay what it sponsors.
            voucher_address: Another voucher that the wallet may use.
            force: Do it without asking.

        Raises:
            OrderError: The orders make no deal, or a check failed; the message says why.
            BalanceError: The requester's account does not hold the price.
            AbortedError: It was not confirmed.
        """
        session = self.session
        if requestorder is None and params is None:
            raise OrderError("Missing requestorder", hint="Give one, or params=... to make one.")
        match = read_match(self.session, apporder, workerpoolorder, requestorder, datasetorder, params)
        foresee_plan(session, match, priced=True)
        begun = [] if skip_preflight_check else begin_requirements(session, match)
        volume = check_match(session, match)
        if not skip_preflight_check:
            end_requirements(session, match, begun)
        sponsor = self._sponsor(voucher_address) if use_voucher or voucher_address else None
        stake = None if sponsor else session.hub.view_account(match.request.requester).stake
        cost = check_payment(session, match, volume, sponsor, stake=stake)
        plan = fill_plan(session, match, volume, cost, sponsor, stake=stake)
        permit = spend(session, plan, force=force, request=self._own_request(match.request))
        if match.request.signature is None:
            match = replace(match, request=signing.sign(permit, match.request))
        deal = send_match(permit, match, sponsor)
        return Job(session, [deal.deal_id], [deal.tx_hash], used_in(match))

    def _own_request(self, order: AnyOrder) -> str | None:
        """The hash of a signed request of the wallet: what it allows was counted when it was signed."""
        is_one = isinstance(order, RequestOrder) and order.requester == self.session.address
        return order.hash(self.session.domain) if is_one and order.signature is not None else None

    def _sponsor(self, voucher_address: str | None) -> Sponsor:
        return Sponsor.find(self.session, voucher_address)

    def _fetch_list(self, address: str | None = None, **filters: Any) -> AccessRows:
        from iexec_lab.client.market.access import find_access

        return find_access(self.session, address, with_defaults(AccessFilters, filters))

    @takes(AccessFilters)
    def list(self, address: str | None = None, **filters: Unpack[AccessFilters]) -> pd.DataFrame:
        """Access that an account gave, or was given: published orders, newest first.

        Args:
            address: Whose: address or ENS name (default: the wallet's).
            **filters: Those of ``AccessFilters``.

        Returns:
            DataFrame, one row per order: ``kind``, ``order_hash``, ``asset``, ``price_nrlc`` (of a task;
                of a request, the most it pays), ``remaining`` of ``volume``, ``status``, restrictions ...

        Raises:
            WalletError: No wallet, and no address was given.
            ValidationError: A filter has a value that is not allowed.
            MarketError: The market was not reached.
        """
        return self._draw("list", self._fetch_list(address, **filters))


def _cost(order: AnyOrder) -> int:
    """What an order can cost its signer, nRLC: the limits of a request, nothing for an offer."""
    return most_of(order) if isinstance(order, RequestOrder) else 0
