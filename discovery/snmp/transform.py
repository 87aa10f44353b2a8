"""Named changes of a text that profiles may ask for, each a pure function. See docs/profiles.md."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

Transform = Callable[[str], str]


def strip(text: str) -> str:
    """Blanks at both ends off, inner ones single."""
    return re.sub(r"\s+", " ", text).strip()


def first_line(text: str) -> str:
    """What stands before the first line end."""
    return text.strip().partition("\n")[0].strip()


def last_word(text: str) -> str:
    """What stands after the last blank."""
    return text.rsplit(maxsplit=1)[-1] if text.split() else ""


def without_vendor(text: str) -> str:
    """The text without the name of a vendor before it: `HP LaserJet` is a LaserJet.

    >>> without_vendor("HP LaserJet MFP M130nw"), without_vendor("Smart-UPS 1000")
    ('LaserJet MFP M130nw', 'Smart-UPS 1000')
    """
    return re.sub(r"\A(?:HPE?|Hewlett[- ]Packard|Cisco|Huawei|APC|MikroTik|Fortinet)\s+", "", text, flags=re.IGNORECASE)


def dashes_to_blanks(text: str) -> str:
    """`FortiGate-60F` as `FortiGate 60F`."""
    return text.replace("-", " ")


def printable_tail(text: str) -> str:
    """The text after a header of control characters, as in HP's device-id strings (two octets of symbol set before the text)."""
    return re.sub(r"\A[\x00-\x1f]+", "", text)


TRANSFORMS: Mapping[str, Transform] = {
    function.__name__: function for function in (strip, first_line, last_word, without_vendor, dashes_to_blanks, printable_tail)
}
