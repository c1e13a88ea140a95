"""``result``: keys and decryption of results."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from iexec_lab.commands.handlers import calling, done, given
from iexec_lab.commands.options import (
    BENEFICIARY_FOLDER,
    BENEFICIARY_KEY,
    FORCE_UPDATE,
    OVERWRITE,
    READS,
    SIGNS,
    TEE_FRAMEWORK,
    WALLET_OPEN,
)
from iexec_lab.commands.tree import Argument, Command, Option

if TYPE_CHECKING:
    from argparse import Namespace

    from iexec_lab.commands.context import Context
    from iexec_lab.commands.outcome import Outcome


def generate(context: Context, args: Namespace) -> Outcome:
    lab = context.lab(args)
    with context.face.working("Generating an RSA key pair"):
        values = given(args, ("force", "beneficiary_keystoredir"))
        outcome = done(
            lab,
            "result.generate_encryption_keypair",
            'Key pair saved in "{secretPath}".',
            overwrite=context.keeping(args.raw),
            **values,
        )
    outcome = replace(outcome, said="", told=outcome.said)
    context.face.note(
        "Share the public key: iexec-lab result push-encryption-key. Keep the private one safe."
    )
    return outcome


def decrypt(context: Context, args: Namespace) -> Outcome:
    lab = context.lab(args)
    with context.face.working("Decrypting"):
        values = given(args, ("path", "force", "beneficiary_keystoredir", "beneficiary_key_file"))
        return done(
            lab,
            "result.decrypt",
            "Decrypted into {resultsPath}.",
            overwrite=context.replacing(args.raw),
            **values,
        )


COMMANDS = (
    Command(
        ("result", "generate-encryption-keypair"),
        "create the RSA key pair for your results",
        generate,
        options=(*WALLET_OPEN, OVERWRITE, BENEFICIARY_FOLDER),
        example="result generate-encryption-keypair",
        aliases=("generate-keys",),
    ),
    Command(
        ("result", "push-encryption-key"),
        "share the public key with the secret manager",
        calling(
            "result.push_encryption_key",
            doing="Storing the public key",
            said="Your results can now be encrypted (iexec-lab app run --encrypt-result).",
        ),
        options=(
            *SIGNS,
            FORCE_UPDATE,
            Option(
                "--secret-path",
                "file",
                "public key file (.secrets/beneficiary/<address>_key.pub)",
                shows="secretPath",
            ),
            TEE_FRAMEWORK,
        ),
        example="result push-encryption-key",
        aliases=("push-secret",),
    ),
    Command(
        ("result", "check-encryption-key"),
        "show whether somebody's public key is stored",
        calling("result.check_encryption_key", doing="Asking the secret manager"),
        args=(Argument("address", "user", "whose key; by default the wallet's"),),
        options=(*READS, TEE_FRAMEWORK),
        example="result check-encryption-key",
        aliases=("check-secret",),
    ),
    Command(
        ("result", "decrypt"),
        "decrypt an archive of results",
        decrypt,
        args=(Argument("path", "path", "the archive (encryptedResults.zip)", shows="encryptedResultsPath"),),
        options=(*WALLET_OPEN, OVERWRITE, BENEFICIARY_FOLDER, BENEFICIARY_KEY),
        example="result decrypt 0x5d3a.zip",
    ),
)
