"""The token of each source of discovery: kept in the source's folder, obtained once with the enrolment token.

A collector binds a source token to one source, and discovery is several (one a kind and zone), so each enrols by itself.
"""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

from discovery.reporter import SourceName
from muster.errors import AuthenticationError, ConfigurationError, InputError, UnavailableError
from muster.wire.enrolment import EnrolmentRequest, enrol, save_private
from muster.wire.token_file import load_token
from muster.wire.transport import Destination

SOURCE_TOKEN_PREFIX = "muster_source_"  # noqa: S105  # how tokens begin, not one of them


class SourceToken:
    """Gives the token of one source; enrols where it has none yet."""

    def __init__(self, source: SourceName, folder: Path, destination: Destination, token_file: Path | None) -> None:
        self._source, self._file, self._destination, self._token_file = source, folder / "token", destination, token_file

    def read(self) -> str:
        """The source's token. Raises ConfigurationError where a person must act, UnavailableError to try again."""
        if self._file.exists():
            return load_token(str(self._file))
        if self._token_file is None:
            raise ConfigurationError(
                f"source {self._source.kind}/{self._source.name} has no token; give an enrolment token with --token-file (muster token create)"
            )
        given = load_token(str(self._token_file))
        if given.startswith(SOURCE_TOKEN_PREFIX):
            return given
        request = EnrolmentRequest(self._source.kind, self._source.name, self._source.zone)
        try:
            enrolment = enrol(self._destination.url, given, request, fingerprint=self._fingerprint())
        except AuthenticationError as error:
            raise ConfigurationError(str(error)) from None
        except InputError as error:
            raise UnavailableError(str(error)) from None
        save_private(str(self._file), enrolment.token + "\n")
        return enrolment.token

    def _fingerprint(self) -> str:
        """Of the authority that is trusted: the collector must show the same one. Empty where the system's authorities are trusted."""
        if not self._destination.ca_file:
            return ""
        path = Path(self._destination.ca_file)
        try:
            return "sha256:" + hashlib.sha256(ssl.PEM_cert_to_DER_cert(path.read_text(encoding="ascii"))).hexdigest()
        except (OSError, ValueError):
            raise ConfigurationError(f"authority file {path} cannot be used; it must hold one PEM certificate") from None
