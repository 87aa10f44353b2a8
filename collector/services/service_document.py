"""What a file of `services.d` may hold: the shape, from which the published JSON Schema is generated. Rules: `catalogue.py`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Identifier = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$", description="Lower-case letters, digits, '.', '_' and '-'.")]
Text = Annotated[str, Meta(min_length=1, max_length=500)]
Duration = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,5}[smhdwMy]$", description="For example 30m, 4h, 7d, 6M (months).")]
LocalTime = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$|^24:00$", description='Local time, for example "08:00".')]
Date = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Ratio = Annotated[str, Meta(pattern=r"^[01](\.[0-9]{1,30})?$", description='Between 0 and 1, for example "0.999".')] | float | int
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Stage = Literal["pipeline", "catalogue", "retired"]
Period = Literal["week", "month", "quarter", "year"]
Unknown = Literal["exclude", "down", "up"]
Degraded = Literal["up", "down"]
Planned = Literal["exclude", "good", "ignore"]
Silent = Literal["unknown", "down"]


class WeeklyShift(Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}):
    """A shift on these days of each week; one that does not end after its start ends on the next day."""

    days: Annotated[list[Weekday], Meta(min_length=1)]
    start: LocalTime
    end: LocalTime


class ExtraShift(Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}):
    """A shift on one date, whatever holidays say."""

    date: Date
    start: LocalTime
    end: LocalTime


class Hours(Struct, frozen=True, forbid_unknown_fields=True):
    """Service hours in the service's time zone. `holidays`: a calendar such as DE-BE; on its days no weekly shift starts."""

    weekly: list[WeeklyShift] = []
    holidays: Text | None = None
    closed_dates: list[Date] = []
    extra: list[ExtraShift] = []


class Components(Struct, frozen=True, forbid_unknown_fields=True, rename={"all_of": "all", "any_of": "any"}):
    """One of: a CI, the CIs of a query, another service; all or any of several; at least some of several."""

    ci: Text | int | None = None
    query: Text | None = None
    service: Identifier | None = None
    all_of: Annotated[list[Components], Meta(min_length=1)] | None = None
    any_of: Annotated[list[Components], Meta(min_length=1)] | None = None
    at_least: Annotated[int, Meta(ge=1)] | None = None
    of: Annotated[list[Components], Meta(min_length=1)] | None = None
    checks: Annotated[list[Text], Meta(min_length=1)] | None = None


class ServicePolicies(Struct, frozen=True, forbid_unknown_fields=True):
    """Terms of the agreement: what unknown, degraded and planned time count as, and what a silent source that cannot be probed is."""

    unknown: Unknown = "exclude"
    degraded: Degraded = "up"
    planned: Planned = "exclude"
    silent: Silent = "unknown"


class ServiceTarget(Struct, frozen=True, forbid_unknown_fields=True):
    """What is promised from a date on, until another of the same agreement takes its place."""

    sla: Text
    availability: Ratio | None = None
    effective_from: Text | None = None
    period: Period = "month"
    max_outages: Annotated[int, Meta(ge=0)] | None = None
    mtrs: Duration | None = None
    planned_cap: Duration | None = None
    notice: Duration | None = None


class CapacityTarget(Struct, frozen=True, forbid_unknown_fields=True):
    """How much of a resource shall stay free."""

    resource: Text
    headroom: Ratio


class Supplier(Struct, frozen=True, forbid_unknown_fields=True):
    """A contract that underpins the service."""

    contract: Text
    provides: list[Components] = []
    availability: Ratio | None = None


class Continuity(Struct, frozen=True, forbid_unknown_fields=True):
    """Recovery time and point objectives, and the plan that is drilled."""

    rto: Duration | None = None
    rpo: Duration | None = None
    plan: Text | None = None
    drill_every: Duration | None = None


class CostLine(Struct, frozen=True, forbid_unknown_fields=True):
    """What a part of the service costs per period."""

    item: Text
    amount: Annotated[int, Meta(ge=0)] | Annotated[float, Meta(ge=0)]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]
    per: Period = "month"


class ServiceDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """One service of the catalogue."""

    id: Identifier
    name: Annotated[dict[str, Text], Meta(description="Language tag to name; en is required.")] | Text
    components: Components
    owner: Text | None = None
    customer: Text | None = None
    description: Annotated[dict[str, str], Meta(description="Language tag to text.")] | str | None = None
    stage: Stage = "catalogue"
    time_zone: Text | None = None
    service_hours: Hours | None = None
    policies: ServicePolicies = field(default_factory=ServicePolicies)
    targets: list[ServiceTarget] = []
    capacity: list[CapacityTarget] = []
    suppliers: list[Supplier] = []
    continuity: Continuity | None = None
    cost: list[CostLine] = []
