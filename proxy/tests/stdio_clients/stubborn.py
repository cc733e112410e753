"""A server that notes what is done to it, and ends when it likes: `stubborn.py NOTES obeys|lingers|stays|fails`.

It ends at the end of its input (obeys), at SIGTERM (lingers), never and neither does its child (stays), or with status
3 before it read anything (fails). Adds to the file NOTES one JSON object a line.
"""

import json
import os
import signal
import subprocess
import sys

NOTES, MODE = sys.argv[1:]


def note(what: str, **more: object) -> None:
    with open(NOTES, "a", encoding="utf-8") as notes:
        notes.write(json.dumps({"what": what, "by": os.getpid(), **more}) + "\n")


def signalled(number: int, _frame: object) -> None:
    note(signal.Signals(number).name)
    if MODE == "lingers" and number == signal.SIGTERM:
        os._exit(0)


def answer(message: dict) -> dict | None:
    if "id" not in message:
        return None
    reply = {"jsonrpc": "2.0", "id": message["id"]}
    if message["method"] != "initialize":
        return reply | {"error": {"code": -32601, "message": "no such method"}}
    version = message["params"]["protocolVersion"]
    info = {"name": "stubborn", "version": "1"}
    return reply | {"result": {"protocolVersion": version, "capabilities": {}, "serverInfo": info}}


for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signalled)
note("start", directory=os.getcwd(), variables=dict(os.environ))
sys.stderr.write("línea 1\nno end of line ✓")
sys.stderr.flush()
if MODE == "fails":
    sys.exit(3)
if MODE == "stays":
    command = ["sh", "-c", 'trap "" TERM; exec sleep 600']
    nothing = subprocess.DEVNULL
    child = subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing)
    note("child", child=child.pid)
for line in sys.stdin:
    reply = answer(json.loads(line))
    if reply:
        print(json.dumps(reply), flush=True)
note("end of input")
while MODE != "obeys":
    signal.pause()
