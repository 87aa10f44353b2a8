"""Logs of the collector and discovery: structlog events as JSON or for a console, the libraries' records among them, secrets hidden.

Events are fixed words in the past tense; all else is a field. The resident agent, which must stay lean, takes only `redact` from here.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

from muster.errors import ConfigurationError

FORMATS = ("auto", "json", "console")
LEVELS = ("debug", "info", "warning", "error")
HIDDEN = "[hidden]"
DEPTH_LIMIT = 6
_SECRET_NAME = re.compile(r"token(?!_id)|secret|passw|authorization|cookie|credential|community|private_key|csrf|passphrase", re.IGNORECASE)
_SECRET_TEXT = re.compile(
    r"\bmuster_(?:enrol|source|api|link)_[A-Za-z0-9_-]+"
    r"|(?<=Bearer )\S+|(?<=Basic )\S+"
    r"|(?<=token=)[^&\s\"']+"
    r"|(?<=://)[^:/@\s]*:[^@/\s]*(?=@)"
)


def redact(value: Any, *, name: str = "", depth: int = 0) -> Any:
    """The value without secrets: whatever is named like one, and what looks like a token or a password in an address.

    >>> redact({"token": "x", "url": "http://kim:pw@host/?token=abc"})
    {'token': '[hidden]', 'url': 'http://[hidden]@host/?token=[hidden]'}
    """
    if name and value is not None and not isinstance(value, bool | int | float) and _SECRET_NAME.search(name):
        return HIDDEN
    if isinstance(value, str):
        return _SECRET_TEXT.sub(HIDDEN, value)
    if depth >= DEPTH_LIMIT:
        return value if isinstance(value, int | float | bool | None) else HIDDEN
    if isinstance(value, Mapping):
        return {key: redact(each, name=str(key), depth=depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(each, depth=depth + 1) for each in value]
    return value if isinstance(value, int | float | bool | None) else _SECRET_TEXT.sub(HIDDEN, str(value))


def configure_logs(*, log_format: str = "auto", level: str = "info", stream: TextIO | None = None) -> None:
    """Set up structlog and the standard logging of this process, to standard error. Raises ConfigurationError for unknown words.

    `auto` is `console` on a terminal and `json` elsewhere.
    """
    import structlog

    if log_format not in FORMATS:
        raise ConfigurationError(f"log_format {log_format!r} is unknown; there are {', '.join(FORMATS)}")
    if level not in LEVELS:
        raise ConfigurationError(f"log_level {level!r} is unknown; there are {', '.join(LEVELS)}")
    output = stream or sys.stderr
    is_console = log_format == "console" or (log_format == "auto" and output.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _redact_event,
    ]
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=output.isatty(), exception_formatter=structlog.dev.plain_traceback)
        if is_console
        else structlog.processors.JSONRenderer(default=str)
    )
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler = logging.StreamHandler(output)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[remove_meta, renderer]))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("aiohttp.access", "alembic", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _redact_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Private keys of structlog begin with an underscore and pass."""
    return {name: value if name.startswith("_") else redact(value, name="" if name == "event" else name) for name, value in event.items()}
