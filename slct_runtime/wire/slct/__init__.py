"""Versions of the wire protocol, one package each: `v1`."""
