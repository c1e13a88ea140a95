"""Results: the beneficiary's key pair, and opening what was encrypted with it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from iexec_lab.client.nouns._noun import Frame, Noun
from iexec_lab.client.nouns._pandas import pd
from iexec_lab.client.results.download import beneficiary_key_file
from iexec_lab.client.results.key import read_key
from iexec_lab.client.results.result import Result
from iexec_lab.crypto import decrypt_result, generate_keypair, public_key_secret, write_private
from iexec_lab.crypto.streams import file_path, os_errors
from iexec_lab.errors import AbortedError, CryptoError
from iexec_lab.protocol import NULL_ADDRESS, RESULT_ENCRYPTION_KEY
from iexec_lab.regular_files import exists, is_file, is_folder

Overwrite = Callable[[Path], bool]


class Results(Noun):
    """``lab.result``: the key pair that results are encrypted for, and opening them.

    Keys are kept in ``.secrets/beneficiary`` of the project folder.
    """

    _FRAMES: ClassVar = {
        "generate_encryption_keypair": Frame("key_file"),
    }
    _PICKS: ClassVar = {
        "push_encryption_key": lambda _facts: None,
        "decrypt": lambda facts: Result(facts["resultsPath"]),
    }

    def generate_encryption_keypair(
        self,
        *,
        force: bool = False,
        beneficiary_keystoredir: str | None = None,
        overwrite: Overwrite | None = None,
    ) -> pd.DataFrame:
        """Make the RSA key pair that results for the wallet are encrypted with.

        Args:
            force: Replace a key without asking; results for the old one can no longer be read.
            beneficiary_keystoredir: Where the files go (default: ``.secrets/beneficiary``).
            overwrite: Asked with the path before a key is replaced; None refuses.

        Returns:
            DataFrame, one row: ``private_key_file``, ``public_key_file``, ``folder``.

        Raises:
            WalletError: No wallet.
            AbortedError: There is a key already, and replacing it was refused.
            CryptoError: A file cannot be written.
        """
        return self._draw(
            "generate_encryption_keypair",
            self._fetch_generate_encryption_keypair(
                force=force, beneficiary_keystoredir=beneficiary_keystoredir, overwrite=overwrite
            ),
        )

    def _fetch_generate_encryption_keypair(
        self,
        *,
        force: bool = False,
        beneficiary_keystoredir: str | None = None,
        overwrite: Overwrite | None = None,
    ) -> dict[str, str]:
        private = beneficiary_key_file(
            self.session, self.session.own_address, beneficiary_keystoredir
        ).absolute()
        public = private.with_name(f"{private.name}.pub")
        if exists(private) and not force and not (overwrite and overwrite(private)):
            raise AbortedError(
                "Operation aborted by user.", details={"file": private}, hint="Replace the key with --force."
            )
        with os_errors(f"cannot write {private}"):
            file_path(private).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        private_pem, public_pem = generate_keypair()
        write_private(private, private_pem)
        with os_errors(f"cannot write {public}"):
            public.write_bytes(public_pem)
        return {
            "secretPath": str(private.parent),
            "privateKeyFile": private.name,
            "publicKeyFile": public.name,
        }

    def push_encryption_key(
        self,
        *,
        force_update: bool = False,
        secret_path: str | os.PathLike[str] | None = None,
        tee_framework: str | None = None,
    ) -> None:
        """Give the public key to the secret service, so that results can be encrypted for the wallet.

        Args:
            force_update: Replace the one that is there.
            secret_path: File of the public key (default: the one made by ``generate_encryption_keypair``).
            tee_framework: Secret service of ``scone``, ``gramine`` or ``tdx`` (default: the network's
                own).

        Raises:
            CryptoError: The file cannot be read, or holds no RSA public key.
            ApiError: There is one already.
            SmsError: The service was not reached.
        """
        self._fetch_push_encryption_key(
            force_update=force_update, secret_path=secret_path, tee_framework=tee_framework
        )

    def _fetch_push_encryption_key(
        self,
        *,
        force_update: bool = False,
        secret_path: str | os.PathLike[str] | None = None,
        tee_framework: str | None = None,
    ) -> dict[str, bool]:
        gate = self.session.gate
        default = f"{beneficiary_key_file(self.session, gate.address)}.pub"
        path = self.session.folder / (secret_path or default)
        value = public_key_secret(read_key(path, "public"))
        sms = self.session.sms(tee_framework)
        updated = sms.push_web2(RESULT_ENCRYPTION_KEY, value, gate, update=force_update)
        return {"isPushed": True, "isUpdated": updated}

    def check_encryption_key(self, address: str | None = None, tee_framework: str | None = None) -> bool:
        """Whether results for an address (default: the wallet's) can be encrypted.

        Args:
            address: Address or ENS name of the beneficiary.
            tee_framework: Secret service of ``scone``, ``gramine`` or ``tdx`` (default: the network's
                own).

        Raises:
            WalletError: No wallet, and no address was given.
            SmsError: The service was not reached.
        """
        owner = self.session.to_address(address or self.session.own_address)
        return self.session.sms(tee_framework).has_web2(owner, RESULT_ENCRYPTION_KEY)

    def decrypt(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        force: bool = False,
        beneficiary_keystoredir: str | None = None,
        beneficiary_key_file: str | None = None,
        overwrite: Overwrite | None = None,
    ) -> Result:
        """Decrypt a downloaded result to ``results.zip`` in the project folder.

        Args:
            path: The encrypted zip (default: ``encryptedResults.zip``).
            force: Replace ``results.zip`` without asking.
            beneficiary_keystoredir: Folder of the private key (default: ``.secrets/beneficiary``).
            beneficiary_key_file: Its name in that folder (default: the wallet's).
            overwrite: Asked with the path before ``results.zip`` is replaced; None refuses.

        Raises:
            CryptoError: A file is missing or damaged, or the key is not the beneficiary's.
            AbortedError: Replacing ``results.zip`` was refused.
        """
        facts = self._fetch_decrypt(
            path,
            force=force,
            beneficiary_keystoredir=beneficiary_keystoredir,
            beneficiary_key_file=beneficiary_key_file,
            overwrite=overwrite,
        )
        opened: Result = self._value("decrypt", facts)
        return opened

    def _fetch_decrypt(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        force: bool = False,
        beneficiary_keystoredir: str | None = None,
        beneficiary_key_file: str | None = None,
        overwrite: Overwrite | None = None,
    ) -> dict[str, str]:
        folder = self.session.folder
        source, target = folder / (path or "encryptedResults.zip"), (folder / "results.zip").absolute()
        if not is_folder(self._key_folder(beneficiary_keystoredir)):
            raise CryptoError(
                "Beneficiary secrets folder is missing did you forget to run "
                '"iexec results generate-encryption-keypair"?',
                hint="Run: iexec-lab result generate-encryption-keypair; or name the folder of your keys.",
            )
        if not is_file(source):
            raise CryptoError(
                f"Failed to load encrypted results from {source}", hint="Name the file that was downloaded."
            )
        key = self._private_key(beneficiary_keystoredir, beneficiary_key_file)
        if exists(target) and not force and not (overwrite and overwrite(target)):
            raise AbortedError(
                "Operation aborted by user.", details={"file": target}, hint="Replace it with --force."
            )
        decrypt_result(source, target, key)
        return {"resultsPath": str(target)}

    def _key_folder(self, keystoredir: str | None) -> Path:
        return beneficiary_key_file(self.session, NULL_ADDRESS, keystoredir).parent

    def _private_key(self, keystoredir: str | None, name: str | None) -> bytes:
        owner = NULL_ADDRESS if name else self.session.own_address
        return read_key(beneficiary_key_file(self.session, owner, keystoredir, name), "private")
