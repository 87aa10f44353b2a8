"""A changed rule set: classes, policies and numbers that would take the place of those in force."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from collector.reconcile.authorise import PolicySet
from collector.reconcile.policy_document import check_policies
from collector.reconcile.settings import Settings
from collector.store.edit import Context
from collector.store.engine import Database
from collector.store.policy_set import load_policies
from muster.config import parse_toml
from muster.errors import ConfigurationError, InputError
from muster.model.ci_class import load_catalogue, make_catalogue
from muster.model.class_file import parse_text


class RuleSet(Struct, frozen=True, forbid_unknown_fields=True):
    """What is changed. None: as it is in force. `classes`: the site's class files (name → TOML), all of them; `policies` likewise (YAML);
    `settings`: numbers of reconciliation, those that are not named stay.
    """

    classes: dict[str, str] | None = None
    policies: dict[str, str] | None = None
    settings: dict[str, Any] | None = None


def make_context(base: Context, live: Database, rules: RuleSet) -> Context:
    """The model by these rules. Raises DocumentError with file and line, InputError for a setting that is none."""
    catalogue = base.catalogue
    if rules.classes is not None:
        definitions = [each for file, text in sorted(rules.classes.items()) for each in parse_text(text, file)]
        catalogue = make_catalogue(definitions, {each.name: each for each in load_catalogue()})
    if rules.policies is None:
        with live.connect() as connection:
            policies = load_policies(connection, dataclasses.replace(base, policy_cache={}))
    else:
        policies = check_policies(rules.policies, catalogue) if rules.policies else PolicySet(())
    settings = base.settings if rules.settings is None else merge_settings(base.settings, rules.settings)
    return dataclasses.replace(base, catalogue=catalogue, settings=settings, policies=policies, policy_cache={})


def merge_settings(base: Settings, changed: Mapping[str, Any]) -> Settings:
    """The numbers with some of them changed. Raises InputError with the path."""
    try:
        return msgspec.convert({**msgspec.to_builtins(base), **changed}, Settings, strict=True)
    except msgspec.ValidationError as error:
        message, _, at = str(error).partition(" - at `$")
        raise InputError(message, path=f"settings{at.rstrip('`')}") from None


def parse_settings_file(text: str, file: str) -> dict[str, Any]:
    """The numbers of a TOML file: of its table `reconciliation`, as in the collector's own, or of the whole. Raises DocumentError."""
    value = parse_toml(text, file)
    table = value.get("reconciliation", value)
    if not isinstance(table, dict):
        raise ConfigurationError(f"{file}: `reconciliation` is no table")
    return table
