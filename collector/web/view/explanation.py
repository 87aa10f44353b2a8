"""Why a record belongs to its CI and why a value is in force, in the reader's language.

The sentences are those of `collector/reconcile/explain.py`; what the store already rendered in English is recognised by its sentence.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

import msgspec

from collector.reconcile.explain import MESSAGES, explain_link
from collector.reconcile.record import LinkEvidence
from collector.web.view.moment import say_exact
from collector.web.view.viewpoint import Viewpoint
from collector.web.view.wording import IDENTIFIER_WORDS, STRENGTHS, word
from muster.instant import parse_instant
from muster.ports import LinkView

_INSTANCE = re.compile(r"\b(\w+/[^\s/]+)/[0-9a-f]{32}\b")
_INSTANT = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_FIELD = re.compile(r"\\{(\w+)\\}")


def translate_messages(viewpoint: Viewpoint) -> Mapping[str, str]:
    """All sentences by id in the reader's language."""
    return {name: viewpoint.say(text) for name, text in MESSAGES.items()}


def say_link(link: LinkView, viewpoint: Viewpoint) -> list[str]:
    """The chain of a link, a sentence each; the store's own text where the evidence is of another version."""
    try:
        evidence = msgspec.convert(link.evidence, LinkEvidence)
    except msgspec.ValidationError:
        return link.explanation.splitlines()
    messages = translate_messages(viewpoint)
    source = f"{link.source.kind}/{link.source.name}/{link.source.instance}"
    return [
        shorten_sources(render_sentence(messages.get(line.message, line.message), _say_arguments(line.arguments, viewpoint), messages))
        for line in explain_link(evidence, source, link.ref, messages)
    ]


def _say_arguments(arguments: Mapping[str, str], viewpoint: Viewpoint) -> dict[str, str]:
    """Kinds of identifiers and strengths in the reader's words; everything else is a name."""
    tables = {"kind": IDENTIFIER_WORDS, "strength": STRENGTHS}
    return {name: word(tables[name], each, viewpoint) if name in tables else each for name, each in arguments.items()}


def shorten_sources(sentence: str) -> str:
    """Sources without their instances, 32 random digits that tell people nothing.

    >>> shorten_sources("agent/web-01/a91f33e0c1d24b8e9f01aabbccddeeff is the only source")
    'agent/web-01 is the only source'
    """
    return _INSTANCE.sub(r"\1", sentence)


def say_veto(veto: Mapping[str, object], viewpoint: Viewpoint) -> str:
    """Why two records were not taken for one."""
    code = str(veto.get("code", ""))
    arguments = {"left": str(veto.get("left", "")), "right": str(veto.get("right", ""))}
    return shorten_sources(render_sentence(viewpoint.say(MESSAGES.get(f"veto.{code}", code)), arguments, {}))


def render_sentence(text: str, arguments: Mapping[str, str], messages: Mapping[str, str]) -> str:
    """The sentence with its arguments; those that start with `@` are ids of messages."""
    filled = {name: messages.get(each[1:], each[1:]) if each.startswith("@") else each for name, each in arguments.items()}
    try:
        return text.format_map(filled)
    except (KeyError, ValueError, IndexError):  # a translation with another field must not hide the page
        return text


def translate_sentence(sentence: str, viewpoint: Viewpoint) -> str:
    """An English sentence of `MESSAGES` in the reader's language; one that is not known stays as it is."""
    sentence = _INSTANT.sub(lambda found: say_exact(parse_instant(found.group()), viewpoint), shorten_sources(sentence))
    if viewpoint.words.tag == "en" or not sentence:
        return sentence
    for pattern, text in _patterns():
        found = pattern.fullmatch(sentence)
        if found:
            return render_sentence(viewpoint.say(text), found.groupdict(), {})
    return sentence


@functools.cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Each sentence as a pattern, those with the most words of their own first."""
    texts = sorted(MESSAGES.values(), key=lambda text: len(re.sub(r"\{\w+\}", "", text)), reverse=True)
    return [(re.compile(_FIELD.sub(lambda field: f"(?P<{field.group(1)}>.+)", re.escape(text))), text) for text in texts]
