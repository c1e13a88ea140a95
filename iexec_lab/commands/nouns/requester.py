"""``requester``: secrets a requester gives to apps."""

from __future__ import annotations

from iexec_lab.commands.handlers import calling
from iexec_lab.commands.options import READS, SIGNS, TEE_FRAMEWORK
from iexec_lab.commands.tree import Argument, Command, Option

_NAME = Argument("name", "name", "name of the secret", required=True, shows="secretName")

COMMANDS = (
    Command(
        ("requester", "push-secret"),
        "store a named secret, which can never be replaced",
        calling(
            "requester.push_secret",
            doing="Storing the secret",
            said='Secret "{name}" is stored.',
            has_value=False,
        ),
        args=(_NAME,),
        options=(
            *SIGNS,
            Option("--secret-value", "secret", "the secret (asked for if omitted)", shows="secretValue"),
            TEE_FRAMEWORK,
        ),
        example="requester push-secret my-password",
        notes="iexec-lab app run --secret 1=my-password hands it to an app that runs in a TEE.",
    ),
    Command(
        ("requester", "check-secret"),
        "show whether a named secret is stored",
        calling("requester.check_secret", doing="Asking the secret manager"),
        args=(
            _NAME,
            Argument("address", "user", "whose secret; by default the wallet's", shows="requesterAddress"),
        ),
        options=(*READS, TEE_FRAMEWORK),
        example="requester check-secret my-password",
    ),
)
