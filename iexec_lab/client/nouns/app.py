"""Apps: deploy, show, sell and run them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Literal, Unpack, overload

from iexec_lab.client.jobs.again import to_wish
from iexec_lab.client.jobs.doubts import on_stderr
from iexec_lab.client.jobs.job import Job
from iexec_lab.client.jobs.status import JobStatus
from iexec_lab.client.matching.preflight import app_framework
from iexec_lab.client.matching.run_options import ExecutionOptions, RunOptions
from iexec_lab.client.nouns._asset import Asset
from iexec_lab.client.nouns._noun import Frame, detailed
from iexec_lab.client.nouns._run import RunPlan, carry_out, plan_run, publish_request
from iexec_lab.client.nouns._sale_options import AppSale
from iexec_lab.client.options import takes
from iexec_lab.client.permit import foretold, spend
from iexec_lab.errors import OrderError
from iexec_lab.ethereum.contracts import APP, APP_REGISTRY
from iexec_lab.protocol import app_arguments


class Apps(Asset):
    """``lab.app``: deploy, show, sell and run apps."""

    _FRAMES: ClassVar = {"show": Frame(detailed("app"))}
    kind = "app"
    _create = APP_REGISTRY.createApp
    _terms = ("owner", "name", "type", "multiaddr", "checksum", "mrenclave")
    _predicted = APP_REGISTRY.predictApp
    _checked = (APP.m_appMREnclave,)
    _views = {  # noqa: RUF012
        "appChecksum": APP.m_appChecksum,
        "appMREnclave": APP.m_appMREnclave,
        "appMultiaddr": APP.m_appMultiaddr,
        "appName": APP.m_appName,
        "appType": APP.m_appType,
        "owner": APP.owner,
        "registry": APP.registry,
    }

    def deploy(
        self,
        name: str,
        multiaddr: str,
        checksum: str,
        *,
        owner: str | None = None,
        type: str = "DOCKER",  # noqa: A002
        mrenclave: Any = None,
        exist_ok: bool = True,
        force: bool = False,
    ) -> str:
        """Register an app; return its address.

        Args:
            name: Free text; together with the rest it decides the address.
            multiaddr: Docker image, ``repo/image:tag``.
            checksum: Digest of the image, 32 bytes as 0x text.
            owner: Who will own it (default: the wallet).
            type: ``DOCKER``.
            mrenclave: For SCONE and Gramine apps: ``{"framework", "version", "fingerprint"}``; for SCONE also
                ``"entrypoint"`` and ``"heapSize"`` (bytes); an object or its JSON text.
            exist_ok: If exactly this is deployed already, its address is the answer: one line on standard
                error says so, and nothing is sent. False makes it an error.
            force: Do it without asking.

        Raises:
            ValidationError: A value is not valid.
            OrderError: The same app is deployed already, and ``exist_ok`` is False.
            AbortedError: It was not confirmed.
        """
        facts = self._fetch_deploy(
            name,
            multiaddr,
            checksum,
            owner=owner,
            type=type,
            mrenclave=mrenclave,
            exist_ok=exist_ok,
            force=force,
        )
        return self._told(facts)

    def _fetch_deploy(
        self,
        name: str,
        multiaddr: str,
        checksum: str,
        *,
        owner: str | None = None,
        type: str = "DOCKER",  # noqa: A002
        mrenclave: Any = None,
        exist_ok: bool = True,
        force: bool = False,
    ) -> dict[str, Any]:
        return self._deploy(
            self._creation(name, multiaddr, checksum, owner, type, mrenclave), exist_ok=exist_ok, force=force
        )

    def predict(
        self,
        name: str,
        multiaddr: str,
        checksum: str,
        *,
        owner: str | None = None,
        type: str = "DOCKER",  # noqa: A002
        mrenclave: Any = None,
    ) -> str:
        """The address that ``deploy`` would return for the same values.

        Args:
            name: As for ``deploy``, like the rest.
            multiaddr: Docker image, ``repo/image:tag``.
            checksum: Digest of the image, 32 bytes as 0x text.
            owner: Who would own it (default: the wallet).
            type: ``DOCKER``.
            mrenclave: For SCONE and Gramine apps.

        Raises:
            ValidationError: A value is not valid.
        """
        return self._predict(self._creation(name, multiaddr, checksum, owner, type, mrenclave))

    def _creation(
        self, name: str, multiaddr: str, checksum: str, owner: str | None, app_type: str, mrenclave: Any
    ) -> tuple[Any, ...]:
        values = {
            "owner": self._owner(owner),
            "name": name,
            "type": app_type,
            "multiaddr": multiaddr,
            "checksum": checksum,
            "mrenclave": mrenclave,
        }
        return app_arguments(values, frameworks=self.session.network.frameworks)

    @takes(AppSale)
    def publish(self, address: str, *, force: bool = False, **options: Unpack[AppSale]) -> str:
        """Sign an order that lets others use the app, and publish it; return its hash.

        Args:
            address: The app, which the wallet owns (address or ENS name).
            force: Do it without asking.
            **options: Those of ``AppSale``.

        Raises:
            OrderError: No such app, it is not the wallet's, or a check failed.
            MarketError, ApiError: The market was not reached, or refused.
            AbortedError: It was not confirmed.
        """
        return self._publish(address, options, force=force)

    def check_secret(self, address: str, tee_framework: str | None = None) -> bool:
        """Whether the secret of an app is in the secret management service (SMS).

        Args:
            address: The app (address or ENS name).
            tee_framework: SMS of ``scone``, ``gramine`` or ``tdx`` (default: of the app's own framework).

        Raises:
            OrderError: The app does not tell its framework.
            SmsError: The SMS was not reached.
        """
        app = self.session.to_address(address)
        return self.session.sms(self._framework(app, tee_framework)).has_app_secret(app)

    def push_secret(
        self, address: str, secret_value: str | None = None, tee_framework: str | None = None
    ) -> None:
        """Give the app its secret, which can never be replaced.

        Args:
            address: The app, which the wallet owns (address or ENS name).
            secret_value: The secret; None asks for it.
            tee_framework: As for ``check_secret``.

        Raises:
            ApiError: There is one already, or the wallet does not own the app.
            SmsError: The SMS was not reached.
            AbortedError: Nobody could be asked.
        """
        app = self.session.to_address(address)
        sms = self.session.sms(self._framework(app, tee_framework))
        value = secret_value if secret_value is not None else self.session.ask("Secret of the app")
        sms.push_app_secret(app, value, self.session.gate)

    def _framework(self, app: str, given: str | None) -> str | None:
        """The TEE framework whose SMS keeps the app's secret: the one given, or the app's own."""
        if given or self.session.network.tdx_only or set(self.session.network.sms) == {"default"}:
            return given
        mrenclave = self._fetch_show(app)["app"]["appMREnclave"]
        framework = app_framework(mrenclave)
        if framework is None:
            raise OrderError("Failed to resolve TEE framework from app", details={"MREnclave": mrenclave})
        return self.session.network.keeper(framework)

    @overload
    def run(
        self,
        app: str,
        *,
        dry_run: Literal[False] = False,
        progress: Callable[[JobStatus], None] | None = None,
        tell: Callable[[str], None] | None = None,
        force: bool = False,
        **options: Unpack[RunOptions],
    ) -> Job: ...

    @overload
    def run(
        self,
        app: str,
        *,
        dry_run: Literal[True],
        progress: Callable[[JobStatus], None] | None = None,
        tell: Callable[[str], None] | None = None,
        force: bool = False,
        **options: Unpack[RunOptions],
    ) -> RunPlan: ...

    @overload
    def run(
        self,
        app: str,
        *,
        dry_run: bool,
        progress: Callable[[JobStatus], None] | None = None,
        tell: Callable[[str], None] | None = None,
        force: bool = False,
        **options: Unpack[RunOptions],
    ) -> Job | RunPlan: ...

    @takes(RunOptions)
    def run(
        self,
        app: str,
        *,
        dry_run: bool = False,
        progress: Callable[[JobStatus], None] | None = None,
        tell: Callable[[str], None] | None = None,
        force: bool = False,
        **options: Unpack[RunOptions],
    ) -> Job | RunPlan:
        """Run an app at market price: the cheapest orders that fit each other.

        Prices are limits; without them any price is accepted after confirmation. Without ``category`` the
        smallest size on offer is used.

        Args:
            app: Address or ENS name of the app.
            dry_run: Return the plan; sign nothing.
            progress: Called with the job's status while waiting.
            tell: Called with remarks about the orders chosen, and as for ``job.wait``; by default standard
                error has them.
            force: Do it without asking.
            **options: Those of ``RunOptions``.

        Returns:
            The job; with ``dry_run`` the plan, costs in nRLC and wei.

        Raises:
            ValidationError: An option is not valid.
            OrderError: No orders on the market fit (the message says what is missing), or a check failed.
            BalanceError: The account does not hold the price.
            AbortedError: It was not confirmed.
            JobError: As ``job.wait``, with ``watch``.
        """
        plan = plan_run(self.session, app, options, shown=dry_run)
        if dry_run:
            return replace(plan, plan=foretold(self.session, plan.plan))
        session = self.session
        if force or session.confirm is None or not plan.plan.real_value:  # nobody is shown the plan
            for remark in plan.remarks:
                (tell or on_stderr)(remark)
        job = carry_out(spend(session, plan.plan, force=force), plan)
        session.wishes |= dict.fromkeys(job.deal_ids, to_wish(options))
        if not options.get("watch"):
            return job
        return job.wait(
            options.get("timeout"), fail_fast=bool(options.get("fail_fast")), progress=progress, tell=tell
        )

    @takes(ExecutionOptions, category=0, app_price=0, dataset_price=0, workerpool_price=0)
    def request_execution(self, app: str, *, force: bool = False, **options: Unpack[ExecutionOptions]) -> str:
        """Publish a request at prices of your own, for anybody to fill; return its order hash.

        Nothing is paid until somebody fills it; the stake must cover all tasks.

        Args:
            app: Address or ENS name of the app.
            force: Do it without asking.
            **options: Those of ``ExecutionOptions``; category and prices are 0 by default.

        Raises:
            ValidationError: An option is not valid.
            OrderError: There is no such app, dataset or workerpool, or a check failed.
            BalanceError: The account does not hold the price of all tasks.
            MarketError, ApiError: The market was not reached, or refused.
            AbortedError: It was not confirmed.
        """
        return publish_request(self.session, app, options, force=force)
