"""A client on the official Python SDK: `client.py TARGET legacy|auto|modern|sse PLAN`.

The target is an address, or a program with its arguments as a JSON list, which is spoken to over standard input and
output. Prints one JSON object: the answers to the steps of PLAN, how many messages of each method it sent, and how many
programs it started.
"""

import json
import sys
from collections import Counter
from contextlib import asynccontextmanager

import anyio
import httpx2
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp_types import ElicitResult, Implementation

TARGET, MODE, PLAN = sys.argv[1:]
ELICITED = {"username": "tester", "email": "tester@example.org"}
sent: Counter[str] = Counter()
started = 0


async def count(request: httpx2.Request) -> None:
    if request.method == "POST":
        message = json.loads(request.content)
        sent[message.get("method", "answer")] += 1


def http_client(*args, **kwargs) -> httpx2.AsyncClient:
    client = create_mcp_http_client(*args, **kwargs)
    client.event_hooks["request"].append(count)
    return client


@asynccontextmanager
async def program():
    """The transport of a program, whose messages are counted."""
    global started
    started += 1
    command, *args = json.loads(TARGET)
    async with stdio_client(StdioServerParameters(command=command, args=args)) as (read, write):
        send = write.send

        async def count_and_send(item) -> None:
            sent[getattr(item.message, "method", "answer")] += 1
            await send(item)

        write.send = count_and_send
        yield read, write


async def elicited(_context, _params) -> ElicitResult:
    return ElicitResult(action="accept", content=ELICITED)


async def progress(client: Client, step: dict):
    reports = []

    async def report(done: float, total: float | None, _message: str | None) -> None:
        reports.append({"progress": done, "total": total})

    result = await client.call_tool(step["name"], step["arguments"], progress_callback=report)
    # The server may report on another stream than it answers on: then it is chance which reports come in time.
    return {"result": plain(result)} | ({} if step.get("loose") else {"reports": reports})


async def cancel(client: Client, step: dict):
    """Gives up at the second report of progress: then the call is surely under way."""
    reports = 0
    with anyio.CancelScope() as scope:

        async def report(*_: object) -> None:
            nonlocal reports
            reports += 1
            if reports == 2:
                scope.cancel()

        return await client.call_tool(step["name"], step["arguments"], progress_callback=report)
    return "cancelled"


async def together(client: Client, step: dict):
    results = [None] * len(step["calls"])

    async def one(place: int, call: dict) -> None:
        results[place] = plain(await client.call_tool(call["name"], call["arguments"]))

    async with anyio.create_task_group() as group:
        for place, call in enumerate(step["calls"]):
            group.start_soon(one, place, call)
    return results


STEPS = {
    "list_tools": lambda client, step: client.list_tools(),
    "list_prompts": lambda client, step: client.list_prompts(),
    "list_resources": lambda client, step: client.list_resources(),
    "call": lambda client, step: client.call_tool(step["name"], step["arguments"]),
    "prompt": lambda client, step: client.get_prompt(step["name"], step["arguments"]),
    "read": lambda client, step: client.read_resource(step["uri"]),
    "ping": lambda client, step: client.send_ping(),
    "progress": progress,
    "cancel": cancel,
    "together": together,
}


def plain(answer):
    return answer.model_dump(mode="json", by_alias=True) if hasattr(answer, "model_dump") else answer


async def follow(client: Client) -> list:
    answers = []
    for step in json.loads(PLAN):
        try:
            answers.append({"result": plain(await STEPS[step["do"]](client, step))})
        except MCPError as error:
            answers.append({"error": {"code": error.error.code, "message": error.error.message}})
    return answers


def transport(http: httpx2.AsyncClient):
    if TARGET.startswith("["):
        return program()
    if MODE == "sse":
        return sse_client(TARGET, httpx_client_factory=http_client)
    return streamable_http_client(TARGET, http_client=http)


async def main() -> None:
    http = http_client()
    mode = {"sse": "legacy", "modern": "2026-07-28"}.get(MODE, MODE)
    info = Implementation(name="python", version="2.3.0")
    async with http, Client(transport(http), mode=mode, client_info=info, elicitation_callback=elicited) as client:
        server, version = plain(client.server_info), client.protocol_version
        answers = await follow(client)
    print(json.dumps({"server": server, "version": version, "answers": answers, "sent": sent, "started": started}))


anyio.run(main)
