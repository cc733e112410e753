"""Starts a server by the official Python SDK, and stops it: `start_stop.py TARGET DIRECTORY`.

The target is a program with its arguments as a JSON list, to be started in that directory. Prints one JSON object: why
connecting failed, how many milliseconds closing took, and what came by standard error.
"""

import json
import sys
import tempfile
import time
from contextlib import AsyncExitStack

import anyio
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

TARGET, DIRECTORY = sys.argv[1:]


def kind(failure: BaseException) -> dict:
    while isinstance(failure, BaseExceptionGroup) and len(failure.exceptions) == 1:
        (failure,) = failure.exceptions
    return {"name": type(failure).__name__, "message": str(failure)}


async def main() -> None:
    command, *args = json.loads(TARGET)
    server = StdioServerParameters(command=command, args=args, env={"GIVEN": "é 1"}, cwd=DIRECTORY)
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        error, stack = None, AsyncExitStack()
        try:
            await stack.enter_async_context(Client(stdio_client(server, errors), mode="legacy"))
        except Exception as failure:
            error = kind(failure)
        began = time.monotonic()
        await stack.aclose()
        closed = (time.monotonic() - began) * 1000
        errors.seek(0)
        print(json.dumps({"error": error, "closed": closed, "said": errors.read()}))


anyio.run(main)
