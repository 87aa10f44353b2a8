"""The words of the model as people read them; `N_` only marks a message for the catalogue.

One table for each set of words of `muster/model/state.py`; a word that has no row is shown as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from collector.web.view.viewpoint import Viewpoint


def N_(message: str) -> str:  # noqa: N802  # gettext's own name
    return message


# A state is never told by colour alone: each has a shape.
SHAPES = {"up": "●", "degraded": "▲", "down": "■", "unknown": "◌", "planned": "◇"}
STATES = {"up": N_("up"), "degraded": N_("degraded"), "down": N_("down"), "unknown": N_("unknown"), "planned": N_("planned")}
PRESENCES = {"seen": N_("seen"), "stale": N_("stale"), "unknown": N_("presence unknown"), "absent": N_("absent")}
LIFECYCLES = {
    "planned": N_("planned"),
    "in_stock": N_("in stock"),
    "live": N_("live"),
    "maintenance": N_("maintenance"),
    "retired": N_("retired"),
    "disposed": N_("disposed"),
}
DIFFERENCE_KINDS = {
    "new_ci": N_("new"),
    "absent_ci": N_("gone"),
    "changed_attribute": N_("changed"),
    "new_relation": N_("new relation"),
    "absent_relation": N_("relation gone"),
    "class_changed": N_("class changed"),
}
# Why there is a difference; `%(source)s` as kind/name.
DIFFERENCE_SENTENCES = {
    "new_ci": N_("%(source)s sees it, and it is not on record."),
    "absent_ci": N_("It is on record, and the source that saw it no longer does."),
    "changed_attribute": N_("%(source)s sees a value that differs from what is recorded."),
    "new_relation": N_("%(source)s sees a relation that is not on record."),
    "absent_relation": N_("The relation is on record and is no longer seen."),
    "class_changed": N_("%(source)s sees another kind of thing than is recorded."),
}
DIFFERENCE_STATES = {
    "open": N_("open"),
    "accepted": N_("accepted"),
    "rejected": N_("rejected"),
    "ignored": N_("ignored"),
    "pinned": N_("pinned"),
    "superseded": N_("superseded"),
    "self_resolved": N_("resolved itself"),
    "held": N_("held"),
}
CASE_KINDS = {
    "ambiguity": N_("several CIs match"),
    "clone": N_("clone"),
    "duplicate": N_("duplicate"),
    "replacement": N_("replaced hardware"),
    "mass_loss": N_("mass loss held back"),
    "resurrection": N_("retired CI reports again"),
    "quarantine": N_("value shared by too many"),
    "class_conflict": N_("sources disagree on the class"),
    "contradiction": N_("contradicting identity"),
}
CASE_QUESTIONS = {
    "ambiguity": N_("A record matches several configuration items equally well. Which one is it?"),
    "clone": N_("Two machines carry the same identity and run at the same time. Which one keeps it?"),
    "duplicate": N_("These look like one thing recorded twice. Are they one?"),
    "replacement": N_("The same name now reports other hardware. Was it exchanged, or is it another machine?"),
    "mass_loss": N_("A source suddenly sees far fewer things. Are they really gone, or did the collection fail?"),
    "resurrection": N_("Something that was retired or disposed of reports again. Is it back in use?"),
    "quarantine": N_("Many things claim this value, so it identifies none of them. Is it a placeholder?"),
    "class_conflict": N_("Sources disagree on what kind of thing this is. Which one is right?"),
    "contradiction": N_("Identifiers of one record point at different configuration items. Which one is it?"),
}
INCIDENT_STATES = {
    "pending": N_("pending"),
    "open": N_("open"),
    "acknowledged": N_("acknowledged"),
    "resolved": N_("resolved"),
    "closed": N_("closed"),
}
SEVERITIES = {"critical": N_("critical"), "major": N_("major"), "minor": N_("minor"), "warning": N_("warning")}
EVENTS = {
    "incident.opened": N_("opened"),
    "incident.updated": N_("updated"),
    "incident.reopened": N_("opened again"),
    "incident.acknowledged": N_("acknowledged"),
    "incident.resolved": N_("resolved"),
    "incident.closed": N_("closed"),
}
DELIVERY_STATES = {"pending": N_("waiting"), "delivered": N_("delivered"), "dead": N_("given up")}
SOURCE_STATES = {"active": N_("reporting"), "silent": N_("silent"), "pending": N_("waiting for approval"), "revoked": N_("revoked")}
RISKS = {0: N_("low"), 1: N_("medium"), 2: N_("high"), 3: N_("severe")}
IDENTIFIER_WORDS = {
    "enrolment_id": N_("enrolment"),
    "hypervisor_uuid": N_("hypervisor UUID"),
    "cloud_instance_id": N_("cloud instance"),
    "serial": N_("serial number"),
    "dmi_uuid": N_("system UUID"),
    "chassis_id": N_("chassis"),
    "permanent_mac": N_("permanent MAC"),
    "mac": "MAC",
    "machine_id": N_("machine id"),
    "boot_id": N_("boot id"),
    "ssh_host_key": N_("SSH host key"),
    "engine_id": N_("SNMP engine"),
    "asset_tag": N_("asset tag"),
    "fqdn": N_("full name"),
    "hostname": N_("host name"),
    "sysname": N_("system name"),
    "ip": "IP",
    "number": N_("number"),
    "name": N_("name"),
    "url": "URL",
}
SECTION_STATUSES = {"ok": N_("complete"), "partial": N_("in part"), "failed": N_("failed"), "skipped": N_("skipped")}
SECTIONS = {
    "host": N_("host"),
    "hardware": N_("hardware"),
    "network": N_("network"),
    "filesystems": N_("file systems"),
    "filesystem": N_("file systems"),
    "packages": N_("packages"),
    "package": N_("packages"),
    "listening_services": N_("listening services"),
    "listening_service": N_("listening services"),
    "systemd_units": N_("systemd units"),
    "systemd_unit": N_("systemd units"),
    "accounts": N_("accounts"),
    "account": N_("accounts"),
}
STRENGTHS = {"strong": N_("strong"), "medium": N_("medium"), "weak": N_("weak"), "locator": N_("locator")}
CLAIM_STATES = {
    "active": N_("in use"),
    "historic": N_("former"),
    "junk": N_("junk"),
    "quarantined": N_("quarantined"),
    "disputed": N_("disputed"),
}
MODES = {
    "governed": N_("governed"),
    "observed": N_("observed"),
    "mixed": N_("mixed"),
    "union": N_("union"),
    "recorded_only": N_("recorded only"),
}
LAYERS = {
    "observed": N_("observed"),
    "recorded": N_("recorded"),
    "relation": N_("relation"),
    "presence": N_("presence"),
    "lifecycle": N_("lifecycle"),
    "identity": N_("identity"),
    "source": N_("source"),
}
# What changed of an identity, by the attribute that its history names.
IDENTITY_CHANGES = {
    "": N_("became known"),
    "begin": N_("was there earlier than known"),
    "class": N_("class refined"),
    "link": N_("record linked"),
    "redirect_to": N_("merged into another"),
    "merged_from": N_("took another in"),
    "owner": N_("moved to another host"),
    "content": N_("contents moved"),
}
CHECKS = {
    "reachability": N_("reachability"),
    "agent_heartbeat": N_("agent heartbeat"),
    "icmp": N_("ping"),
    "listening": N_("listening"),
    "systemd_unit": N_("systemd unit"),
    "database": N_("database"),
}
CAUSES = {"report": N_("report"), "decision": N_("decision"), "rule": N_("rule"), "operation": N_("operation")}
DECISIONS = {
    "accept": N_("accepted"),
    "reject": N_("rejected"),
    "ignore": N_("ignored"),
    "undo": N_("undone"),
    "record": N_("recorded"),
    "import": N_("imported"),
    "pin": N_("held values"),
    "merge": N_("merged"),
    "unmerge": N_("separated"),
    "resolve": N_("resolved"),
    "link": N_("linked to a change"),
    "relate": N_("relation recorded"),
}
VERDICTS = {"met": N_("target met"), "breached": N_("target missed"), "undetermined": N_("undetermined")}
RELATIONS = {
    ("out", "depends_on"): N_("depends on"),
    ("in", "depends_on"): N_("is needed by"),
    ("out", "hosted_on"): N_("hosted on"),
    ("in", "hosted_on"): N_("hosts"),
    ("out", "contained_in"): N_("contained in"),
    ("in", "contained_in"): N_("contains"),
    ("out", "contains"): N_("contains"),
    ("in", "contains"): N_("contained in"),
    ("out", "connected_to"): N_("connected to"),
    ("in", "connected_to"): N_("connected to"),
    ("out", "attached_to"): N_("attached to"),
    ("in", "attached_to"): N_("carries"),
    ("out", "neighbour_of"): N_("neighbour of"),
    ("in", "neighbour_of"): N_("neighbour of"),
    ("out", "runs_on"): N_("runs on"),
    ("in", "runs_on"): N_("runs"),
}
ROLES = {
    "viewer": N_("viewer"),
    "auditor": N_("auditor"),
    "configuration_manager": N_("configuration manager"),
    "operator": N_("operator"),
    "administrator": N_("administrator"),
}
WINDOWS = {"month_to_date": N_("Month to date"), "last_month": N_("Last month"), "30d": N_("Last 30 days")}
POLICY_ACTIONS = {
    "accept": N_("accepts"),
    "accept_in_change": N_("accepts what an approved change expects"),
    "initial_discovery": N_("records what is discovered first"),
    "ignore": N_("ignores for a time"),
    "review": N_("leaves it to a person"),
    "reason": N_("a reason"),
    "second_person": N_("a second person"),
}
CHANGE_STATES = {
    "planned": N_("planned"),
    "approved": N_("approved"),
    "verified": N_("verified"),
    "partly_verified": N_("partly verified"),
    "not_verified": N_("not verified"),
}


def word(table: Mapping[str, str] | Mapping[int, str], key: object, viewpoint: Viewpoint) -> str:
    """The reader's word for a key, else the key itself with its underscores as spaces."""
    message = table.get(key)  # type: ignore[call-overload]  # a key of another type is only missing
    return viewpoint.say(message) if message else str(key).replace("_", " ")


def relation_word(direction: str, kind: str, viewpoint: Viewpoint) -> str:
    """A relation as seen from one end."""
    message = RELATIONS.get((direction, kind))
    if message:
        return viewpoint.say(message)
    plain = kind.replace("_", " ")
    return plain if direction == "out" else f"← {plain}"
