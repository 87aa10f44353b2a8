"""What a log shows and what it hides."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from muster.errors import ConfigurationError
from muster.logs import HIDDEN, configure_logs, redact


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """The output of logging set up for this test alone."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = list(root.handlers), root.level
    configure_logs(log_format="json", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_event_is_one_line_of_json_with_its_fields(log: io.StringIO) -> None:
    structlog.get_logger("collector.x").info("report_accepted", source="web01", sequence=7)
    (line,) = log.getvalue().splitlines()
    event = json.loads(line)
    assert {name: event[name] for name in ("event", "level", "logger", "source", "sequence")} == {
        "event": "report_accepted", "level": "info", "logger": "collector.x", "source": "web01", "sequence": 7,
    }  # fmt: skip


def test_records_of_libraries_come_in_the_same_shape(log: io.StringIO) -> None:
    logging.getLogger("library").warning("opened %s", "http://kim:pw@host/")
    assert json.loads(log.getvalue())["event"] == f"opened http://{HIDDEN}@host/"


@pytest.mark.parametrize("field", ["token", "source_token", "password", "authorization", "cookie", "community", "secret", "csrf", "private_key"])
def test_field_named_like_a_secret_is_hidden(log: io.StringIO, field: str) -> None:
    structlog.get_logger().info("asked", **{field: "hunter2"})
    assert "hunter2" not in log.getvalue()


def test_number_of_a_token_is_no_secret() -> None:
    assert redact({"token_id": "01abc"}) == {"token_id": "01abc"}


def test_traceback_hides_tokens_too(log: io.StringIO) -> None:
    try:
        int("Bearer muster_source_abc-DEF_123")
    except ValueError:
        structlog.get_logger().exception("request_failed")
    assert "Traceback" in log.getvalue()
    assert "abc-DEF_123" not in log.getvalue()


def test_unknown_format_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        configure_logs(log_format="xml")
