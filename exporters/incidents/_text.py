"""Texts for people in a target's language, cut to a target's limits."""

from __future__ import annotations

from typing import Any


def pick(text: Any, language: str) -> str:
    """The text in that language, else in English; plain text as it is."""
    if isinstance(text, dict):
        return str(text.get(language) or text.get("en") or next(iter(text.values()), ""))
    return str(text)


def cut(text: str, limit: int) -> str:
    """The text in at most `limit` characters, the cut shown."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
