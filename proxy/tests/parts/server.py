"""A server of both eras on the official Python SDK: `server.py streamable-http|sse`, on loopback, port in PORT.

Offers what fixture-server.mjs offers under the same names, as far as our own clients use it.
"""

import os
import sys

import anyio
from mcp.server.mcpserver import Context, MCPServer
from pydantic import BaseModel

server = MCPServer("mcp-tap-python", version="1.0.0", log_level="WARNING")


class Sum(BaseModel):
    sum: float


@server.tool()
def add(a: float, b: float) -> Sum:
    """Adds two numbers; answers structured content too."""
    return Sum(sum=a + b)


@server.tool(structured_output=False)
def repeat(text: str, times: int) -> str:
    """Answers a text as often as asked."""
    return text * times


@server.tool(structured_output=False)
def test_error_handling() -> str:
    """Always fails."""
    raise ValueError("This tool intentionally returns an error for testing")


@server.tool(structured_output=False)
async def slow(steps: int, millis: int, context: Context) -> str:
    """Reports each step; ends early when cancelled."""
    for step in range(1, steps + 1):
        await context.report_progress(step, steps)
        # Also after the last one: clients drop reports that they read together with the answer.
        await anyio.sleep(millis / 1000)
    return f"{steps} steps done"


@server.prompt()
def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    """Two arguments."""
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


@server.resource("test://static-text", mime_type="text/plain")
def static_text() -> str:
    """Static text."""
    return "This is the content of the static text resource."


server.run(sys.argv[1], host="127.0.0.1", port=int(os.environ["PORT"]))
