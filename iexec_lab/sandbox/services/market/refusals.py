"""Why a request gets no answer but an error: a status and one sentence."""

from __future__ import annotations

from typing import ClassVar


class Refusal(Exception):  # noqa: N818  an answer, not a fault
    """Answered as ``{"ok": false, "error": <message>}``."""

    status: ClassVar[int]

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidRequestError(Refusal):
    """A parameter or the body does not have the form it must have."""

    status = 400


class UnauthorizedError(Refusal):
    """The authorisation is missing, wrong or used; the caller does not learn which."""

    status = 403

    def __init__(self) -> None:
        super().__init__("invalid authorization")


class RuleError(Refusal):
    """A rule of the market forbids it."""

    status = 403


class UnknownObjectError(Refusal):
    status = 404


class MalformedBodyError(Refusal):
    """The body is not JSON; the real service takes it for a fault of its own."""

    status = 500

    def __init__(self) -> None:
        super().__init__("Internal error")


class ChainFailedError(Refusal):
    """The Ethereum node failed or a call reverted."""

    status = 500

    def __init__(self) -> None:
        super().__init__("Something went wrong, you should retry later.")
