"""A server on standard input and output that does what the tests ask, on the standard library only.

`stdio_server.py [TRANSCRIPT]`: with a transcript it plays the server's part of it; else it has the tools below."""

import json
import sys
import time

TOOLS = [
    {"name": "work", "inputSchema": {"type": "object"}},
    {"name": "fail", "inputSchema": {"type": "object"}},
    {"name": "burn", "inputSchema": {"type": "object"}},
    {"name": "rest", "inputSchema": {"type": "object"}},
    {"name": "long", "inputSchema": {"type": "object"}},
    {
        "name": "shape",
        "inputSchema": {"type": "object"},
        "outputSchema": {"type": "object", "required": ["size"]},
    },
]


def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def text(words):
    return {"content": [{"type": "text", "text": words}]}


def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def call(line, name, arguments):
    """The result of a tool."""
    if name == "work":
        # What arrived, to the byte.
        return text(line)
    if name == "fail":
        return {"isError": True, **text("no")}
    if name == "burn":
        burn(arguments.get("seconds", 0.3))
        return text("hot")
    if name == "rest":
        time.sleep(arguments.get("seconds", 0.3))
        return text("cool")
    if name == "long":
        return text("x" * 10_000)
    if name == "shape":
        return {"structuredContent": arguments, **text(json.dumps(arguments))}
    return None


def answer(line, message, lists):
    method, params = message["method"], message.get("params", {})
    if method == "initialize":
        version = params["protocolVersion"]
        server = {"name": "scripted", "version": "7"}
        return {"result": {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": server}}
    if method == "tools/list":
        # From the second time on one tool is another one.
        changed = [dict(tool, description="new") if tool["name"] == "work" else tool for tool in TOOLS]
        return {"result": {"tools": changed if lists > 1 else TOOLS}}
    if method == "tools/call":
        result = call(line, params["name"], params.get("arguments", {}))
        if result is not None:
            return {"result": result}
        return {"error": {"code": -32602, "message": "no such tool"}}
    return {"error": {"code": -32601, "message": "no such method"}}


def serve():
    lists = 0
    for line in sys.stdin:
        message = json.loads(line)
        if message.get("method") == "tools/list":
            lists += 1
        if "id" in message:
            say({"jsonrpc": "2.0", "id": message["id"], **answer(line, message, lists)})


def play(transcript):
    with open(transcript, encoding="utf-8") as steps:
        for step in steps:
            if step.startswith("> "):
                sys.stdin.readline()
            elif step.startswith("< "):
                sys.stdout.write(step[2:])
                sys.stdout.flush()
    sys.stdin.read()


if len(sys.argv) > 1:
    play(sys.argv[1])
else:
    serve()
