"""Rules: which condition makes an incident, after which time, and in which words. Pure; the shipped ones stand here.

A text may name what it speaks of in double braces: `{{ci.name}}`, `{{check}}`, `{{service.name}}`, `{{services}}`, `{{reason}}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from muster.ports import LocalisedText

_PLACE = re.compile(r"\{\{\s*([a-z_.]+)\s*\}\}")


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`confirm_ms` 0: the checks below it are confirmed already. `clear_ms`: how long evidence of recovery must last."""

    id: str
    say: LocalisedText
    describe: LocalisedText
    confirm_ms: int = 0
    clear_ms: int = 60_000
    runbook_url: str | None = None


COMPONENT_DOWN = Rule(
    id="service-component-down",
    say={"en": "{{ci.name}} is down ({{check}})", "zh-Hans": "{{ci.name}} 已停止（{{check}}）"},
    describe={
        "en": "{{ci.name}}, a component of {{services}}, is down. {{reason}}",
        "zh-Hans": "{{services}} 的组件 {{ci.name}} 已停止。{{reason}}",
    },
)
SERVICE_DOWN = Rule(
    id="service-down",
    say={"en": "Service {{service.name}} is down", "zh-Hans": "服务 {{service.name}} 不可用"},
    describe={"en": "Service {{service.name}} is down. {{reason}}", "zh-Hans": "服务 {{service.name}} 不可用。{{reason}}"},
)
SHIPPED_RULES: dict[str, Rule] = {rule.id: rule for rule in (COMPONENT_DOWN, SERVICE_DOWN)}


def render_text(text: LocalisedText, values: Mapping[str, LocalisedText | str]) -> LocalisedText:
    """The text in each of its languages with what it names filled in; an unknown name stays visible."""

    def fill(template: str, language: str) -> str:
        def value(match: re.Match[str]) -> str:
            found = values.get(match.group(1), match.group(0))
            return found if isinstance(found, str) else found.get(language) or found.get("en", "")

        return _PLACE.sub(value, template).strip()

    return {language: fill(template, language) for language, template in text.items()}
