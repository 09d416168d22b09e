"""A runtime at a socket in the file system: unix:PATH."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from runtime_client import Client, Unavailable
from slct_runtime.runtime import Runtime
from slct_runtime.server import ListenError, serve_grpc
from slct_runtime.store import MemoryStore
from slct_runtime.wire.address import SOCKET_PATH_BYTES_MAX, BadAddress, check_address, socket_path

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no such sockets")


async def listed(client: Client) -> list[str]:
    return [found.process_id async for found in client.list()]


def test_addresses_of_sockets() -> None:
    assert socket_path("unix:/run/slct.sock") == "/run/slct.sock"
    assert socket_path("unix:slct.sock") == "slct.sock"
    assert socket_path("unix:///run/slct.sock") == "/run/slct.sock"
    assert socket_path("127.0.0.1:9090") is None


@pytest.mark.parametrize("address", ["unix:", "unix://", "unix://slct.sock", "unix:a\0b", "unix", "unix:/" + "a" * 107])
def test_what_is_no_address_of_one_is_refused(address: str) -> None:
    with pytest.raises(BadAddress):
        check_address(address)


def test_a_client_speaks_over_a_socket(tmp_path: Path) -> None:
    async def scene() -> None:
        address = f"unix:{tmp_path / 'slct.sock'}"
        runtime = await Runtime.open(MemoryStore())
        server = await serve_grpc(runtime, address)
        assert server.address == address
        async with Client(address) as client:
            assert await listed(client) == []
        await server.stop(0)
        await runtime.aclose()
        assert not (tmp_path / "slct.sock").exists()

    asyncio.run(scene())


def test_a_socket_at_which_another_runtime_listens_is_not_taken_from_it(tmp_path: Path) -> None:
    async def scene() -> None:
        address = f"unix:{tmp_path / 'slct.sock'}"
        runtime = await Runtime.open(MemoryStore())
        server = await serve_grpc(runtime, address)
        with pytest.raises(ListenError, match="address already in use\n  help: another program listens there"):
            await serve_grpc(runtime, address)
        async with Client(address) as client:
            assert await listed(client) == []
        await server.stop(0)
        await runtime.aclose()

    asyncio.run(scene())


def test_a_socket_that_a_killed_runtime_has_left_is_used_again(tmp_path: Path) -> None:
    path = tmp_path / "slct.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert stat.S_ISSOCK(path.stat().st_mode)

    async def scene() -> None:
        runtime = await Runtime.open(MemoryStore())
        server = await serve_grpc(runtime, f"unix:{path}")
        async with Client(f"unix:{path}") as client:
            assert await listed(client) == []
        await server.stop(0)
        await runtime.aclose()

    asyncio.run(scene())


def _refused(listen: str) -> str:
    async def scene() -> str:
        runtime = await Runtime.open(MemoryStore())
        with pytest.raises(ListenError) as caught:
            await serve_grpc(runtime, listen)
        await runtime.aclose()
        return str(caught.value)

    return asyncio.run(scene())


def test_what_is_in_the_way_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text("mine")
    assert "there is something that is no socket\n  help: it is left alone" in _refused(f"unix:{path}")
    assert path.read_text() == "mine"


def test_paths_at_which_nothing_can_be_made(tmp_path: Path) -> None:
    assert "there is no directory" in _refused(f"unix:{tmp_path / 'none' / 'slct.sock'}")
    long = tmp_path / ("a" * SOCKET_PATH_BYTES_MAX)
    assert f"at most {SOCKET_PATH_BYTES_MAX}" in _refused(f"unix:{long}")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_of_somebody_else(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "nothing may be made in directory" in _refused(f"unix:{tmp_path / 'slct.sock'}")


def test_nobody_listens(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Client(f"unix:{tmp_path / 'slct.sock'}") as client:
            with pytest.raises(Unavailable, match=r"slct\.sock"):
                await listed(client)

    asyncio.run(scene())


def test_the_commands_speak_over_a_socket(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "runtime_client.cli"]
    runtime = subprocess.Popen(
        [*command, "runtime", "--store", "memory:", "--listen", "unix:slct.sock"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    try:
        assert runtime.stdout is not None
        assert runtime.stdout.readline() == "slct runtime listens on unix:slct.sock, store memory:\n"
        asked = [*command, "list", "--runtime", f"unix:{tmp_path / 'slct.sock'}"]
        listed = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
        assert (listed.returncode, listed.stderr) == (0, "")
    finally:
        runtime.terminate()
        runtime.communicate()
