"""Services as pages show them, and which of them a configuration item carries."""

from __future__ import annotations

from collector.store.reading import Reading
from collector.store.service import load_components, load_definitions, load_service_views
from muster.errors import NotFoundError, quote
from muster.ports import ServiceView


def load_views(reading: Reading) -> list[ServiceView]:
    """Every service in force, by id."""
    return load_service_views(reading.connection)


def load_view(reading: Reading, service_id: str) -> ServiceView:
    """Raises NotFoundError."""
    return load_service_views(reading.connection, service_id)[0]


def load_document(reading: Reading, service_id: str) -> str:
    """The YAML in force. Raises NotFoundError."""
    for each in load_definitions(reading.connection):
        if each.service_id == service_id:
            return each.document
    raise NotFoundError(f"no service {quote(service_id)} in force; see `muster service list`")


def services_by_ci(reading: Reading) -> dict[str, list[str]]:
    """The services that have a CI as a component, as last evaluated: id of the CI → ids of services, sorted."""
    return {ci_id: sorted(services) for ci_id, services in load_components(reading.connection).items()}
