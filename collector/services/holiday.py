"""Closed dates of public holiday calendars, from the `holidays` package; none is computed here."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import holidays

from muster.document import suggest
from muster.errors import ConfigurationError, quote


def closed_dates(calendar: str, first: date, last: date) -> list[str]:
    """The holidays of a calendar from `first` to `last`, both included, as ISO dates in order.

    `calendar`: a country (`DE`), with a subdivision (`DE-BE`), or a market (`XECB`). Raises ConfigurationError for an unknown one.
    """
    days: list[date] = []
    for year in range(first.year, last.year + 1):
        days += _load_year(calendar, year)
    return [day.isoformat() for day in days if first <= day <= last]


def check_calendar(calendar: str) -> None:
    """Raises ConfigurationError, with a suggestion, where there is no such calendar."""
    country, dash, subdivision = calendar.partition("-")
    countries = _countries()
    if country in countries:
        if dash and subdivision not in countries[country]:
            known = [f"{country}-{each}" for each in countries[country]]
            raise ConfigurationError(f"{country} has no holiday calendar {quote(calendar)}{suggest(calendar, known)}")
        return
    if dash or country not in _markets():
        near = suggest(calendar, [*countries, *_markets()])
        near = near if near.startswith("; did") else "; write a country such as DE, with a subdivision such as DE-BE, or a market such as XECB"
        raise ConfigurationError(f"unknown holiday calendar {quote(calendar)}{near}")


@lru_cache(maxsize=4096)
def _load_year(calendar: str, year: int) -> tuple[date, ...]:
    check_calendar(calendar)
    country, _, subdivision = calendar.partition("-")
    if country in _countries():
        found = holidays.country_holidays(country, subdiv=subdivision or None, years=year)
    else:
        found = holidays.financial_holidays(country, years=year)
    return tuple(sorted(day for day in found if day.year == year))


@lru_cache(maxsize=1)
def _countries() -> dict[str, list[str]]:
    return dict(holidays.list_supported_countries(include_aliases=True))


@lru_cache(maxsize=1)
def _markets() -> dict[str, list[str]]:
    return dict(holidays.list_supported_financial(include_aliases=True))
