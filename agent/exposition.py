"""The Prometheus text format (version 0.0.4), written without a library: prometheus_client would cost 9 MiB resident.

Held in tests against prometheus_client's own parser. Not for the network: `agent/metrics_server.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agent.metric import Family, Sample

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def render_exposition(samples: Iterable[Sample], families: Mapping[str, Family]) -> str:
    """The text: families in the order of their first sample, each with HELP and TYPE once."""
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(sample[0], []).append(sample)
    lines: list[str] = []
    for name, members in groups.items():
        family = families[name]
        lines.append(f"# HELP {name} {_escape_help(family.help)}\n# TYPE {name} {family.kind}")
        for _, values, value in members:
            labels = ",".join(f'{label}="{_escape_label(text)}"' for label, text in zip(family.labels, values, strict=True))
            lines.append(f"{name}{{{labels}}} {render_value(value)}" if labels else f"{name} {render_value(value)}")
    return "\n".join(lines) + "\n" if lines else ""


def render_value(value: float) -> str:
    """The shortest text that gives the same number back; infinities and not-a-number as the format writes them."""
    if value != value:  # noqa: PLR0124  # not a number is the one value that differs from itself
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)


def _escape_label(text: str) -> str:
    if "\\" in text or '"' in text or "\n" in text:
        return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return text


def _escape_help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
