"""The version of rules changes with what identifies, and with nothing else."""

from __future__ import annotations

import msgspec

from collector.reconcile.rules_version import classes_version, settings_version
from collector.reconcile.settings import Settings
from muster.model.ci_class import ClassCatalogue, load_catalogue

SHIPPED = load_catalogue()


def changed(**fields: object) -> ClassCatalogue:
    own = dict(SHIPPED.own)
    return ClassCatalogue({**own, "server": msgspec.structs.replace(own["server"], **fields)})


def test_what_identifies_changes_the_version_and_a_label_does_not() -> None:
    version = classes_version(SHIPPED)
    assert version == classes_version(load_catalogue())
    assert version == classes_version(changed(label={"en": "Machine"}))
    assert (
        len({version, classes_version(changed(identification=SHIPPED["server"].identification[:1])), classes_version(changed(family="network"))}) == 3
    )


def test_numbers_have_a_version_of_their_own() -> None:
    assert settings_version(Settings()) == settings_version(Settings())
    assert settings_version(Settings()) != settings_version(Settings(absent_after_misses=5))
