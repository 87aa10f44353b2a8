"""The whole tree of errors that Muster raises on purpose.

    MusterError
    ├── ConfigurationError (ValueError)     a file, flag or variable that a person wrote is wrong
    │   └── DocumentError                   with file, line and path in the document
    ├── InputError (ValueError)             something received is not what its schema says
    │   └── TooLargeError                   over a limit, compressed or inflated
    ├── AuthenticationError (PermissionError)  unknown, expired or revoked credential
    ├── AuthorisationError (PermissionError)   a known caller may not do this
    ├── ConflictError                       the state moved meanwhile, or a sequence was re-used
    ├── NotFoundError (LookupError)         no such thing
    ├── UnavailableError (ConnectionError)  a peer, disk or database cannot serve now; try again
    └── PluginError                         a declared value is missing, mistyped or doubled

A message says what is wrong, where, and what to do; values are quoted with `quote`, secrets never.
"""

from __future__ import annotations

QUOTE_LIMIT = 80


def quote(value: object) -> str:
    """The value as `repr` shows it, cut at 80 characters."""
    text = repr(value)
    return text if len(text) <= QUOTE_LIMIT else text[: QUOTE_LIMIT - 1] + "…"


class MusterError(Exception):
    """Every error that Muster raises on purpose."""


class ConfigurationError(MusterError, ValueError):
    """A file, flag or environment variable that a person wrote is wrong."""


class DocumentError(ConfigurationError):
    """A document is refused; `file`, `line` (1-based) and `path` (`$.a.b[0]`) say where."""

    def __init__(self, message: str, *, file: str, line: int, path: str = "$") -> None:
        super().__init__(f"{file}:{line}: {message}")
        self.message = message
        self.file = file
        self.line = line
        self.path = path


class InputError(MusterError, ValueError):
    """Something received is not what its schema says; `path` names the first fault."""

    def __init__(self, message: str, *, path: str = "$") -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.message = message
        self.path = path


class TooLargeError(InputError):
    """Over a limit, compressed or inflated; `limit_bytes` is that limit."""

    def __init__(self, message: str, *, limit_bytes: int) -> None:
        super().__init__(message, path="")
        self.limit_bytes = limit_bytes


class AuthenticationError(MusterError, PermissionError):
    """The credential is unknown, expired or revoked."""


class AuthorisationError(MusterError, PermissionError):
    """The caller is known and may not do this."""


class ConflictError(MusterError):
    """The state moved meanwhile, or a sequence was re-used; `code` is the problem's short name."""

    def __init__(self, message: str, *, code: str = "conflict", current: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.current = current


class NotFoundError(MusterError, LookupError):
    """There is no such thing."""


class UnavailableError(MusterError, ConnectionError):
    """A peer, disk or database cannot serve now; `retry_after_seconds` when known."""

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class PluginError(MusterError):
    """A plugin's declared value is missing, mistyped or doubled."""
