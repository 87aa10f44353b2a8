"""The languages of the pages: complete, with the same places to fill, and chosen as the reader wishes."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from babel.messages.pofile import read_po
from markupsafe import Markup

from collector.web.language import FOLDER, choose_language, load_words
from collector.web.rendering import TEMPLATES
from tests.conftest import ROOT

CATALOGUE = FOLDER / "zh_Hans" / "LC_MESSAGES" / "messages.po"
_PLACE = re.compile(r"%\(\w+\)s|\{\w+\}")
# Abbreviations and names that are the same in every language.
_SAME = {"Muster", "CSV", "JSON", "MTRS", "MTBF", "EN"}


def test_every_message_is_translated() -> None:
    done = subprocess.run([sys.executable, "scripts/build_locale.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_translations_fill_the_same_places() -> None:
    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file, locale="zh_Hans")
    wrong = []
    for message in catalogue:
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        wrong += [ids[0] for text in strings if message.id and sorted(_PLACE.findall(str(text))) != sorted(_PLACE.findall(ids[-1]))]
    assert wrong == []


@pytest.mark.parametrize("name", sorted(path.name for path in TEMPLATES.glob("*.html")))
def test_template_holds_no_words_of_its_own(name: str) -> None:
    """Each word that a reader sees comes through the catalogue."""
    text = (TEMPLATES / name).read_text(encoding="utf-8")
    code = re.compile(
        r"\{% block body_class %\}.*?\{% endblock %\}|<(code|kbd|script|title)[^>]*>.*?</\1>|\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL
    )
    bare = code.sub(" ", text)
    titles = re.findall(r'(?:title|aria-label|placeholder|alt)="([^"]*)"', bare)
    bare = re.sub(r'<[^>]*"[^"]*"[^>]*>|<[^>]+>', " ", bare)
    words = re.findall(r"[A-Za-z]{2,}", str(Markup(" ".join([bare, *titles])).unescape()))
    placeholders = {
        "class",
        "server",
        "attribute",
        "os",
        "kernel",
        "risk",
        "name",
        "debian",
        "seen",
        "tag",
        "role",
        "web",
        "absent",
        "after",
        "misses",
    }
    assert [word for word in words if word not in _SAME | placeholders] == []


def test_numbers_and_plurals_follow_the_language() -> None:
    english, chinese = load_words("en"), load_words("zh-Hans")
    assert english.count("%(number)s outage", "%(number)s outages", 1) == "1 outage"
    assert english.count("%(number)s outage", "%(number)s outages", 1200) == "1,200 outages"
    assert chinese.count("%(number)s outage", "%(number)s outages", 2) == "2 次中断"


@pytest.mark.parametrize(
    ("chosen", "account", "header", "expected"),
    [
        ("zh-Hans", "en", "en", "zh-Hans"),
        (None, "zh-Hans", "en", "zh-Hans"),
        (None, None, "de, zh-CN;q=0.8, en;q=0.5", "zh-Hans"),
        (None, None, "zh-TW", "zh-Hans"),
        (None, None, "zh;q=0, en", "en"),
        ("xx", None, "fr;q=x", "en"),
    ],
)
def test_own_choice_goes_before_account_and_browser(chosen: str | None, account: str | None, header: str, expected: str) -> None:
    assert choose_language(chosen, account, header) == expected
