"""The languages of the pages: which one a reader gets, and the words of it.

English is the language of the message ids; the others stand in `locale/*/LC_MESSAGES/messages.po` and are compiled when they are loaded,
so that no built file can be older than its source.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

FOLDER = Path(__file__).parent / "locale"
LANGUAGES = {"en": "English", "zh-Hans": "简体中文"}
_LOCALES = {"en": "en", "zh-Hans": "zh_Hans"}
# What browsers call a language → what it is called here; other Chinese readers read simplified sooner than English.
_SPELLINGS = {"en": "en", "zh": "zh-Hans", "zh-cn": "zh-Hans", "zh-sg": "zh-Hans", "zh-hans": "zh-Hans", "zh-hans-cn": "zh-Hans"}


@dataclass(frozen=True)
class Words:
    """One language: `say` and `count` translate message ids, `pick` takes the text that a document gives in this language."""

    tag: str
    locale: Locale
    translations: NullTranslations

    def say(self, message: str, **values: object) -> str:
        """The message in this language with `%(name)s` filled in."""
        text = self.translations.gettext(message)
        return text % values if values else text

    def count(self, singular: str, plural: str, number: int, **values: object) -> str:
        """The form for a number; `%(number)s` is it, grouped."""
        return self.translations.ngettext(singular, plural, number) % {"number": f"{number:,}", **values}

    def pick(self, text: Mapping[str, str], default: str = "") -> str:
        """This language's text, else English, else the default."""
        return text.get(self.tag) or text.get("en") or default


@functools.cache
def load_words(tag: str) -> Words:
    """The words of a language of `LANGUAGES`; English ones where it has no catalogue."""
    locale = _LOCALES[tag]
    path = FOLDER / locale / "LC_MESSAGES" / "messages.po"
    translations = compile_catalogue(path, locale) if path.exists() else NullTranslations()
    return Words(tag, Locale.parse(locale), translations)


def compile_catalogue(path: Path, locale: str) -> Translations:
    """A catalogue as gettext uses it."""
    with path.open("rb") as file:
        catalogue = read_po(file, locale=locale)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


def choose_language(chosen: str | None, account: str | None, accept_language: str) -> str:
    """The reader's own choice, else the account's, else the browser's first that there is, else English."""
    for wish in (chosen, account):
        if wish in LANGUAGES:
            return str(wish)
    for wish in parse_accept_language(accept_language):
        found = _SPELLINGS.get(wish) or _SPELLINGS.get(wish.partition("-")[0])
        if found:
            return found
    return "en"


def parse_accept_language(header: str) -> list[str]:
    """Language tags in lower case, most wanted first; at most 20, those of quality 0 left out.

    >>> parse_accept_language("de;q=0.5, zh-CN, en;q=0.8")
    ['zh-cn', 'en', 'de']
    """
    wishes: list[tuple[float, int, str]] = []
    for place, part in enumerate(header.split(",")[:20]):
        tag, _, parameter = part.strip().partition(";")
        try:
            quality = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            continue
        if tag and quality > 0:
            wishes.append((-quality, place, tag.strip().lower()))
    return [tag for _, _, tag in sorted(wishes)]
