"""The version of this agent, as its reports carry it."""

VERSION = "0.1.0"
