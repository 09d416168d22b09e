"""HOST:PORT, as both ends take it. grpc itself would take more, and some of it in silence: port 99999 as 34463."""

from __future__ import annotations

PORT_MAX = 65_535


class BadAddress(ValueError):
    """That is not HOST:PORT; the message says why."""


def split_address(address: str) -> tuple[str, int]:
    """Host and port of "127.0.0.1:9090", "localhost:0" or "[::1]:9090".

    Raises:
      BadAddress: it is none of these.
    """
    host, colon, port = address.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    is_number = port.isascii() and port.isdigit()
    if not colon or not host or not is_number or set(host) & set(" /") or (":" in host and not is_bracketed):
        raise BadAddress(f"{address!r} is not HOST:PORT")
    if int(port) > PORT_MAX:
        raise BadAddress(f"port {port} of {address!r} is larger than {PORT_MAX}")
    return host.strip("[]"), int(port)
