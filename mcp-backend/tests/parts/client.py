"""A client on the official Python SDK over standard input and output: `client.py PROGRAM legacy|auto|modern PLAN`.

Prints one JSON object: the answers to the steps of PLAN.
"""

import json
import sys

import anyio
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client

COMMAND, MODE, PLAN = sys.argv[1:]
STEPS = {
    "list_tools": lambda client, step: client.list_tools(),
    "list_prompts": lambda client, step: client.list_prompts(),
    "list_resources": lambda client, step: client.list_resources(),
    "call": lambda client, step: client.call_tool(step["name"], step["arguments"]),
    "prompt": lambda client, step: client.get_prompt(step["name"], step["arguments"]),
    "read": lambda client, step: client.read_resource(step["uri"]),
}


def plain(answer):
    return answer.model_dump(mode="json", by_alias=True) if hasattr(answer, "model_dump") else answer


async def main() -> None:
    server = StdioServerParameters(command=COMMAND, args=["--stdio", "--sim-latency", "off"])
    mode = {"modern": "2026-07-28"}.get(MODE, MODE)
    async with Client(stdio_client(server), mode=mode) as client:
        answers = []
        for step in json.loads(PLAN):
            try:
                answers.append({"result": plain(await STEPS[step["do"]](client, step))})
            except MCPError as error:
                answers.append({"error": {"code": error.error.code, "message": error.error.message}})
        print(json.dumps({"server": plain(client.server_info), "version": client.protocol_version, "answers": answers}))


anyio.run(main)
