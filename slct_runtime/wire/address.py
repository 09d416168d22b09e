"""Where a runtime listens, HOST:PORT or unix:PATH, as both ends take it.

grpc itself would take more, and some of it in silence: port 99999 as 34463, and the socket of another runtime.
"""

from __future__ import annotations

PORT_MAX = 65_535
UNIX = "unix:"
SOCKET_PATH_BYTES_MAX = 107
"""The longest path that the address of a socket has room for."""


class BadAddress(ValueError):
    """That is neither HOST:PORT nor unix:PATH; the message says why."""


def socket_path(address: str) -> str | None:
    """The path of "unix:/run/slct.sock" or "unix:slct.sock", None if it is no address of a socket in the file system.

    Raises:
      BadAddress: there is no path, or it is too long.
    """
    if not address.startswith(UNIX):
        return None
    path = address.removeprefix(UNIX)
    if path.startswith("//"):
        path = path[2:]
        if not path.startswith("/"):
            raise BadAddress(f"{address!r} is not unix:PATH, and unix:// stands before an absolute path only")
    if not path or "\0" in path:
        raise BadAddress(f"{address!r} is not unix:PATH")
    if len(path.encode()) > SOCKET_PATH_BYTES_MAX:
        raise BadAddress(f"{path!r} takes {len(path.encode())} bytes, a socket's path at most {SOCKET_PATH_BYTES_MAX}")
    return path


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


def check_address(address: str) -> None:
    """Raises BadAddress: it is neither HOST:PORT nor unix:PATH."""
    if socket_path(address) is None:
        split_address(address)
