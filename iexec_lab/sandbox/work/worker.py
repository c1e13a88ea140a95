"""What workers do on chain: contribute, reveal, contribute and finalise in one."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import TransactionError
from iexec_lab.ethereum.contracts import HUB
from iexec_lab.protocol import (
    NULL_ADDRESS,
    Account,
    Contribution,
    Task,
    authorization_hash,
    enclave_hash,
    result_hash,
    result_seal,
)
from iexec_lab.sandbox.work.enclave import enclave_of
from iexec_lab.sandbox.work.results import Computed, FaultError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iexec_lab.ethereum.abi import Function
    from iexec_lab.sandbox.chain import accounts
    from iexec_lab.sandbox.chain.client import Chain
    from iexec_lab.sandbox.chain.clock import Clock
    from iexec_lab.sandbox.state.secrets import SecretStore
    from iexec_lab.sandbox.state.tasks import TasksStore
    from iexec_lab.sandbox.work.execution import Assignment, Executor, Result

ACTIVE, REVEALING, COMPLETED, FAILED = 1, 2, 3, 4
"""Statuses of a task on chain."""
SETTLED = ("ABORTED", "COMPLETED", "FAILED")
"""Last statuses of a replicate."""
_PAUSES = (0.2, 0.5, 1.0, None)
"""Seconds between attempts to send what the node did not take, as when it was just restarted."""


class Workers:
    """Carries out assignments, ``slots`` of them at the same time."""

    def __init__(
        self,
        chain: Chain,
        hub: str,
        clock: Clock,
        store: TasksStore,
        executor: Executor,
        secrets: SecretStore,
        slots: int,
    ) -> None:
        self._chain = chain
        self._hub = hub
        self._clock = clock
        self._store = store
        self._executor = executor
        self._secrets = secrets
        self._slots = asyncio.Semaphore(slots)
        self.busy = 0

    async def work(self, work: Assignment) -> None:
        """From the start to a contribution, or to the end of the task, or to ABORTED."""
        async with self._slots:
            self.busy += 1
            try:
                result = await self._compute(work)
            finally:
                self.busy -= 1
        if result:
            await self._deliver(work, result)

    async def reveal(self, work: Assignment) -> bool:
        """Show the digest of a contribution that became the consensus; False when that was not possible."""
        name = work.worker.address
        replicate = self._store.replicate(work.task, name)
        digest = replicate.facts.get("digest") if replicate else None
        self._store.advance(work.task, "REVEALING", worker=name)
        cause = "RESULT_LINK_MISSING"
        if digest:
            try:
                await self.send(
                    work.worker, HUB.reveal, bytes.fromhex(work.task[2:]), bytes.fromhex(digest[2:])
                )
            except TransactionError:
                cause = "REVEAL_TIMEOUT"
            else:
                self._store.advance(work.task, "REVEALED", worker=name)
                return True
        self._store.replicate_status(work.task, name, "REVEAL_FAILED", "ABORTED", cause=cause)
        return False

    async def send(self, sender: accounts.Account, function: Function, *arguments: Any) -> None:
        """Send a transaction to the hub; not even a cancelled task leaves one half sent.

        Raises:
            TransactionError: it reverted, or the node refused it again and again.
        """
        data = function.encode(*arguments)
        for pause in _PAUSES:
            try:
                await asyncio.shield(self._chain.send(sender, self._hub, data))
            except TransactionError as error:
                if error.tx_hash or pause is None:
                    raise
                await asyncio.sleep(pause)
            else:
                return

    async def view(self, task: str, workers: Sequence[str] = ()) -> tuple[Task, dict[str, Contribution]]:
        """A task on chain, and what each of ``workers`` contributed to it."""
        task_id = bytes.fromhex(task[2:])
        on_chain, *contributions = await self._chain.calls(
            [
                (self._hub, HUB.viewTask, (task_id,)),
                *((self._hub, HUB.viewContribution, (task_id, worker)) for worker in workers),
            ]
        )
        found = zip(workers, map(Contribution.from_abi, contributions), strict=True)
        return Task.from_abi(on_chain), dict(found)

    async def _compute(self, work: Assignment) -> Result | None:
        record = partial(self._store.replicate_status, work.task, work.worker.address)
        record("STARTING")
        self._store.advance(work.task, "RUNNING")
        cause = await self._obstacle(work)
        if cause:
            record("START_FAILED", cause=cause)
            record("ABORTED")
            return None
        try:
            return await self._executor.execute(work)
        except FaultError:
            record("ABORTED")
            return None

    async def _obstacle(self, work: Assignment) -> str | None:
        """Why a contribution could not succeed, in the order in which iExec's worker looks."""
        task_id = bytes.fromhex(work.task[2:])
        account, task = await self._chain.calls(
            [
                (self._hub, HUB.viewAccount, (work.worker.address,)),
                (self._hub, HUB.viewTask, (task_id,)),
            ]
        )
        on_chain = Task.from_abi(task)
        if Account.from_abi(account).stake < work.terms.deal.worker_stake:
            return "STAKE_TOO_LOW"
        if on_chain.status != ACTIVE:
            return "TASK_NOT_ACTIVE"
        if self._clock.now() >= on_chain.contribution_deadline:
            return "CONTRIBUTION_TIMEOUT"
        if work.worker.address in on_chain.contributors:
            return "CONTRIBUTION_ALREADY_SET"
        unfit = not work.terms.tee and (work.terms.encrypts_result or work.terms.wants_dropbox)
        return "TASK_DESCRIPTION_INVALID" if unfit else None

    async def _deliver(self, work: Assignment, result: Result) -> None:
        """Contribute; TEE results that nobody else has to confirm finish their task at once."""
        short = (
            work.terms.tee and work.terms.deal.trust <= 1 and not (await self.view(work.task))[0].contributors
        )
        record = partial(self._store.replicate_status, work.task, work.worker.address)
        names = ("CONTRIBUTE_AND_FINALIZE_ONGOING", "CONTRIBUTE_AND_FINALIZE_FAILED")
        trying, failed = names if short else ("CONTRIBUTING", "CONTRIBUTE_FAILED")
        if result.computed is None:
            record(failed, "ABORTED", cause="DETERMINISM_HASH_NOT_FOUND")
            return
        record(trying, **_facts(work, result, result.computed))
        try:
            if short:
                await self._contribute_and_finalize(work, result, result.computed)
                record("CONTRIBUTE_AND_FINALIZE_DONE")
            else:
                await self._contribute(work, result.computed)
                record("CONTRIBUTED")
        except TransactionError:
            record(failed, "ABORTED", cause=await self._refusal(work))

    async def _contribute(self, work: Assignment, computed: Computed) -> None:
        challenge, enclave_signature = self._enclave_signature(work, computed)
        await self.send(
            work.worker,
            HUB.contribute,
            bytes.fromhex(work.task[2:]),
            result_hash(work.task, computed.digest),
            result_seal(work.worker.address, work.task, computed.digest),
            challenge,
            enclave_signature,
            _authorization(work, challenge),
        )

    async def _contribute_and_finalize(self, work: Assignment, result: Result, computed: Computed) -> None:
        challenge, enclave_signature = self._enclave_signature(work, computed)
        await self.send(
            work.worker,
            HUB.contributeAndFinalize,
            bytes.fromhex(work.task[2:]),
            computed.digest,
            (result.link or "").encode(),
            computed.callback_data,
            challenge,
            enclave_signature,
            _authorization(work, challenge),
        )

    def _enclave_signature(self, work: Assignment, computed: Computed) -> tuple[str, bytes]:
        """Address of the task's enclave and what it signs; null and empty outside TEE deals."""
        if not work.terms.tee:
            return NULL_ADDRESS, b""
        enclave = enclave_of(self._secrets, work.task)
        signed = enclave.signer.sign_message(enclave_hash(work.task, work.worker.address, computed.digest))
        return enclave.address, bytes.fromhex(signed[2:])

    async def _refusal(self, work: Assignment) -> str:
        """Why the hub, which gives no reasons, refused a contribution."""
        on_chain, _ = await self.view(work.task)
        if work.worker.address in on_chain.contributors:
            return "CONTRIBUTION_ALREADY_SET"
        if on_chain.status == REVEALING:
            return "CONSENSUS_REACHED"
        if on_chain.status != ACTIVE:
            return "TASK_NOT_ACTIVE"
        if self._clock.now() >= on_chain.contribution_deadline:
            return "CONTRIBUTION_TIMEOUT"
        return "CHAIN_RECEIPT_NOT_VALID"


def _authorization(work: Assignment, challenge: str) -> bytes:
    """The workerpool owner's permission to contribute."""
    digest = authorization_hash(work.worker.address, work.task, challenge)
    return bytes.fromhex(work.owner.signer.sign_message(digest)[2:])


def _facts(work: Assignment, result: Result, computed: Computed) -> dict[str, Any]:
    """What has to be known of a contribution before it is sent: the sandbox may be killed right after."""
    return {
        "contributionHash": "0x" + result_hash(work.task, computed.digest).hex(),
        "digest": "0x" + computed.digest.hex(),
        "chainCallbackData": "0x" + computed.callback_data.hex() if computed.callback_data else None,
        "resultLink": result.link,
    }
