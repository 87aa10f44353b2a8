"""From where a page is read: language, time zone and time. Every view takes it, so that none asks a clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from collector.web.language import Words


@dataclass(frozen=True)
class Viewpoint:
    """`zone` is the reader's, else the server's; `now` in milliseconds UTC."""

    words: Words
    zone: ZoneInfo
    now: int

    def local(self, at: int) -> datetime:
        """The wall clock of the zone at an instant."""
        return datetime.fromtimestamp(at / 1000, UTC).astimezone(self.zone)

    def say(self, message: str, **values: object) -> str:
        """See `Words.say`."""
        return self.words.say(message, **values)

    def count(self, singular: str, plural: str, number: int, **values: object) -> str:
        """See `Words.count`."""
        return self.words.count(singular, plural, number, **values)

    def pick(self, text: Mapping[str, str], default: str = "") -> str:
        """See `Words.pick`."""
        return self.words.pick(text, default)
