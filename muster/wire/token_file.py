"""The token of a source in a file of its own, as `muster/wire/enrolment.py` writes it and a sender reads it."""

from __future__ import annotations

from muster.errors import ConfigurationError

_TOKEN_LIMIT = 4096


def load_token(file: str) -> str:
    """The token in a file, without white space around it. Raises ConfigurationError where there is none."""
    try:
        with open(file, encoding="ascii") as content:
            token = content.read(_TOKEN_LIMIT + 1).strip()
    except UnicodeDecodeError:
        raise ConfigurationError(f"token file {file} holds no token; enrol this source again") from None
    except OSError as error:
        raise ConfigurationError(f"token file {file} cannot be read: {error.strerror}; enrol this source first") from error
    if not token or len(token) > _TOKEN_LIMIT or any(letter.isspace() for letter in token):
        raise ConfigurationError(f"token file {file} holds no token; enrol this source again")
    return token
