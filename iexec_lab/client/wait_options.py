"""The options of everything that waits for tasks, declared once."""

from typing import Annotated, TypedDict

from iexec_lab.client.options import Opt


class WaitOptions(TypedDict, total=False):
    """How long to wait, and when to give up."""

    timeout: Annotated[
        float | None,
        Opt(
            "integer",
            "stop waiting after this many seconds; the work goes on",
            "None waits until the deadline of the deal",
            shows="seconds",
        ),
    ]
    fail_fast: Annotated[
        bool,
        Opt(
            "flag",
            "stop waiting once no worker goes on with a task",
            "a JobError with the reason; by default the reason is told and another worker waited for",
            default=False,
        ),
    ]
