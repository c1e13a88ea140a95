"""Every error a user can meet, in one tree.

::

    IexecError                      the root; shown as two or three lines
    ├── ValidationError             an invalid value (also a ValueError)
    ├── UsageError                  a command line that cannot be parsed
    ├── ConfigurationError          network, project file or option missing or contradictory
    │   └── ProjectError            a project file that is missing, broken or lacks a part
    ├── ObjectNotFoundError         no such app, dataset, workerpool, order, deal or task
    ├── AbortedError                the user said no, or there was nobody to ask
    ├── WalletError                 no wallet, wrong password, refused signature
    ├── BalanceError                not enough RLC or ether
    ├── BudgetError                 it would cost more than the budget that was set
    ├── OrderError                  orders that cannot be signed, closed or matched
    ├── CryptoError                 a file that cannot be encrypted or decrypted
    ├── JobError                    a task that failed or timed out
    ├── LibraryError                a library is not installed, or cannot be imported
    ├── SandboxError                the market on loopback failed
    ├── ServiceError                a service refused, failed or could not be reached
    │   ├── ApiError                it answered with an error
    │   ├── MarketError, SmsError, IpfsError, WorkerpoolError, CompassError,
    │   └── ResultProxyError, SubgraphError
    ├── BridgeError                 RLC sent to a bridge did not arrive
    └── ChainError                  the Ethereum node refused
        ├── CallError               a read failed or reverted
        ├── TransactionError        a transaction was refused, reverted or lost
        └── SignatureError          the signer could not sign

``official_name`` is the official SDK's name for the same failure; ``--raw`` prints it.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from iexec_lab import doors
from iexec_lab.plain_text import plain, plain_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Self

PROGRAM = "iexec-lab"


class IexecError(Exception):
    """What failed, with which values, and what to do next.

    Message, hint and details may quote text from a stranger. Here, and nowhere else, control characters are
    removed and endless text is cut.

    ``already`` is a sentence when what was asked for is so already; ``answer`` is then what there is.

    Args:
        message: One sentence; the official SDK's where it has one.
        details: The values that were tried, with units.
        hint: What to do next.
    """

    official_name: ClassVar[str] = "Error"
    already: str = ""
    answer: Any = None

    def __init__(
        self, message: str, *, details: Mapping[str, Any] | None = None, hint: str | None = None
    ) -> None:
        self.message = plain_lines(message)
        super().__init__(self.message)
        self.details = dict(details or {})
        self.hint = None if hint is None else plain_lines(hint)

    def so_already(self, sentence: str, answer: Any = None) -> Self:
        """Say that nothing is wrong: what was asked for is so already."""
        self.already, self.answer = plain_lines(sentence), answer
        return self

    def lines(self) -> list[str]:
        """The error as a person reads it: message, details, hint."""
        shown = [_indented(f"{type(self).__name__}: {self.message}")]
        shown += [_indented(f"  {plain(name)}: {plain_lines(value)}") for name, value in self.details.items()]
        return [*shown, *(_indented(f"  → {each}") for each in self._advice())]

    def _advice(self) -> Sequence[str]:
        """What to do next, a line for each thing."""
        return (self.hint,) if self.hint else ()

    def _render_traceback_(self) -> list[str]:
        """IPython shows these lines in place of a traceback."""
        return _shown(self.lines())

    @property
    def __notes__(self) -> list[str]:  # always as fresh as the hint
        """What plain Python (PEP 678) prints below the message: details and hint as they are now; notes."""
        own = self.lines()[1:]
        return [*_typed(own), *self.__dict__.get("_notes", ())]

    @__notes__.setter
    def __notes__(self, notes: Sequence[str]) -> None:
        """How other libraries bring an error back from another process: what is not our own is a note."""
        own = self.lines()[1:]
        mine = {*own, *_for_notebook(own), *_typed(own)}
        self.__dict__["_notes"] = [plain_lines(note) for note in notes if note not in mine]

    def add_note(self, note: str, /) -> None:
        self.__dict__.setdefault("_notes", []).append(plain_lines(note))


def has_notebook() -> bool:
    """Whether this is IPython, where a command is typed as a magic."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None


def has_magic() -> bool:
    """Whether a command can be typed as a magic: this is IPython, and the extension is loaded."""
    if not has_notebook():
        return False
    shell: Any = sys.modules["IPython"].get_ipython()
    return "iexec" in shell.magics_manager.magics["line"]


_terminals: list[str] = []


@contextmanager
def in_terminal() -> Iterator[None]:
    """In this block a command line is what was typed, and what can be typed next."""
    _terminals.append(PROGRAM)
    try:
        yield
    finally:
        _terminals.pop()


def as_typed(text: str) -> str:
    """A text whose command lines are as they are typed here.

    That is a magic in a notebook, a line in a terminal, and a call in a Python program.
    """
    if f"{PROGRAM} " not in text:
        return text
    if has_magic():
        return in_notebook(text)
    return text if _terminals else doors.in_python(text)


def _typed(lines: Sequence[str]) -> list[str]:
    return [as_typed(line) if line.startswith("  → ") else line for line in lines]


def _shown(lines: Sequence[str]) -> list[str]:
    """What IPython shows: calls where the extension is not loaded."""
    return _typed(lines) if has_notebook() else _for_notebook(lines)


def _for_notebook(lines: Sequence[str]) -> list[str]:
    return [in_notebook(line) if line.startswith("  → ") else line for line in lines]


def in_notebook(text: str) -> str:
    """Command lines in a text, as they are typed in a notebook."""
    return text.replace(f"{PROGRAM} ", "%iexec ")


def _indented(text: str) -> str:
    """Indent further lines, so that no text can pose as the next detail or hint."""
    return text.replace("\n", "\n    ")


class ValidationError(IexecError, ValueError):
    official_name = "ValidationError"


class UsageError(IexecError):
    """A command line that does not fit the grammar; ``usage`` is the form that does."""

    def __init__(self, message: str, *, usage: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.usage = usage


class ConfigurationError(IexecError):
    official_name = "ConfigurationError"


class ProjectError(ConfigurationError):
    official_name = "Error"


class ObjectNotFoundError(IexecError):
    official_name = "ObjectNotFoundError"

    def __init__(self, kind: str, object_id: str, chain_id: int | str, *, hint: str | None = None) -> None:
        super().__init__(f"No {kind} found for id {object_id} on chain {chain_id}", hint=hint)
        self.kind = kind
        self.object_id = object_id


class AbortedError(IexecError):
    """``unanswered``: a question was asked and there was nobody to answer it."""

    unanswered: bool = False


class WalletError(IexecError):
    pass


class BalanceError(IexecError):
    pass


class BudgetError(IexecError):
    """What was asked for would pass a budget (``lab.costs``); nothing was signed."""


class OrderError(IexecError):
    pass


class CryptoError(IexecError):
    pass


class JobError(IexecError):
    """``job`` is the job whose tasks failed, when there is one; ``troubles`` say why, if that is known.

    ``line`` is the command that comes back to it, ``steps`` are the sentences of the hint, ``told`` says all
    of it once more for a page: it has ``html()``. Where ``stands_here()``, the page has said it already.
    """

    job: Any = None
    troubles: tuple[Any, ...] = ()
    line: str = ""
    steps: tuple[str, ...] = ()
    told: Any = None
    stands_here: Any = None

    def _render_traceback_(self) -> list[str]:
        if self.stands_here is None or not self.stands_here():
            return super()._render_traceback_()
        why = [f"  why: {plain_lines(self.details['why'])}"] if "why" in self.details else []
        said = [_indented(f"{type(self).__name__}: {self.message}"), *map(_indented, why)]
        return _shown([*said, "  → The card above says more, and what to do."])

    def _advice(self) -> Sequence[str]:
        # Who changed the hint since has more to say.
        told = in_notebook(" ".join(self.steps))
        return self.steps if self.steps and in_notebook(self.hint or "") == told else super()._advice()

    def _repr_html_(self) -> str | None:
        return str(self.told.html()) if self.told is not None else None


class LibraryError(IexecError):
    """A Python library that is not installed, or that cannot be imported."""


class SandboxError(IexecError):
    pass


class ServiceError(IexecError):
    """``service`` names the service, ``url`` the address without credentials or query secrets."""

    service: ClassVar[str] = "Service"

    def __init__(
        self,
        message: str,
        *,
        url: str | None = None,
        status: int | None = None,
        details: Mapping[str, Any] | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, details=details, hint=hint)
        self.url = url
        self.status = status


class ApiError(ServiceError):
    """The service understood and refused; ``message`` is ``API error: <its words>``."""


class MarketError(ServiceError):
    official_name = "MarketCallError"
    service = "Market API"


class SmsError(ServiceError):
    official_name = "SmsCallError"
    service = "SMS"


class IpfsError(ServiceError):
    official_name = "IpfsGatewayCallError"
    service = "IPFS gateway"


class WorkerpoolError(ServiceError):
    official_name = "WorkerpoolCallError"
    service = "Workerpool API"


class CompassError(ServiceError):
    official_name = "CompassCallError"
    service = "Compass API"


class ResultProxyError(ServiceError):
    official_name = "ResultProxyCallError"
    service = "Result Proxy"


class SubgraphError(ServiceError):
    service = "Subgraph"


class BridgeError(IexecError):
    official_name = "BridgeError"


class ChainError(IexecError):
    """``reason`` is the decoded revert reason, when the node gave one."""

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        details: Mapping[str, Any] | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, details=details, hint=hint)
        self.reason = None if reason is None else plain(reason)


class CallError(ChainError):
    official_name = "Web3ProviderCallError"


class TransactionError(ChainError):
    official_name = "Web3ProviderSendError"

    def __init__(
        self,
        message: str,
        *,
        tx_hash: str | None = None,
        reason: str | None = None,
        details: Mapping[str, Any] | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, reason=reason, details=details, hint=hint)
        self.tx_hash = tx_hash


class SignatureError(ChainError):
    official_name = "Web3ProviderSignMessageError"
