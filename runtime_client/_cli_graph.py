"""`slct graph`: the states of a deployed definition as a picture, with how many processes are in each."""

from __future__ import annotations

import argparse
import json

from slct_compile.graph.command import reached, write
from slct_compile.graph.picture import picture_of
from slct_manifest import read_definition
from slct_runtime.wire.api import VersionInfo

from ._client import Client
from ._errors import NotFound


async def graph(client: Client, arguments: argparse.Namespace) -> int:
    """Draw the newest version, or the one that was asked for.

    Raises:
      NotFound: it is not deployed, or says nothing of its states.
    """
    version = arguments.version or await _newest(client, arguments.definition)
    found = [r for r in await client.definitions() if (r.name, r.version) == (arguments.definition, version)]
    compiled = json.loads(found[0].manifest).get("compiled") if found else None
    if compiled is None:
        what = f"version {version!r} of {arguments.definition!r}"
        reason = f"{what} does not say what its states are" if found else f"{what} is not deployed"
        raise NotFound(reason, "slct versions lists what is deployed")
    functions = read_definition(compiled).functions
    counts = None
    if arguments.live:
        parked = await client.parked(arguments.definition, version)
        counts = {(each.function, each.state): each.process_count for each in parked}
    write(picture_of(functions, reached(functions, list(functions)), counts), arguments.format, arguments.output)
    return 0


async def _newest(client: Client, definition: str) -> str:
    infos: list[VersionInfo] = [each for each in await client.versions() if each.definition == definition]
    newest = [each.version for each in infos if each.is_newest]
    if not newest:
        raise NotFound(f"no definition {definition!r} is deployed", "slct versions lists what is deployed")
    return newest[0]
