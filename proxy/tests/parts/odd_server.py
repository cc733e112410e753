"""A server that does what servers should not do: `odd_server.py MODE [ARGUMENT...]`; standard library only.

Files of the folder NOTES are how it and a test talk beside its standard files: it leaves ids of processes there, and
waits there for what it is told.
"""

import contextlib
import json
import os
import resource
import signal
import sys
import threading
import time

NOTES = os.environ["NOTES"]
CHUNK = 64 * 1024
SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"]
HALF = b'{"jsonrpc":"2.0","id":3,"result":{"content":[{"type":"text","te'


def write(descriptor, data):
    while data:
        data = data[os.write(descriptor, data) :]


def out(data):
    write(1, data)


def err(data):
    write(2, data)


def chunks():
    while data := os.read(0, CHUNK):
        yield data


def lines():
    rest = b""
    for data in chunks():
        *whole, rest = (rest + data).split(b"\n")
        yield from whole


def note(name, text):
    path = os.path.join(NOTES, name)
    with open(path + ".new", "w") as file:
        file.write(str(text))
    os.rename(path + ".new", path)


def wait_for(name):
    while not os.path.exists(os.path.join(NOTES, name)):
        time.sleep(0.005)


def forever():
    # Not by one wait without end: a handler whose signal comes just before that would run after it.
    while True:
        time.sleep(0.02)


def on_signals(act):
    for name in SIGNALS:
        signal.signal(getattr(signal, name), lambda *_, name=name: act(name))


def tell(name):
    err(name.encode() + b"\n")


def echo(status="0"):
    """Gives back what it gets, as it comes."""
    for data in chunks():
        out(data)
    os._exit(int(status))


def say(path):
    """Says what is in a file, then gives back what it gets."""
    with open(path, "rb") as file:
        out(file.read())
    echo()


def flood(size):
    """Writes as fast as it can; what it reads meanwhile it says on standard error."""

    def acknowledge():
        for line in lines():
            err(b"ack " + line + b"\n")

    reader = threading.Thread(target=acknowledge)
    reader.start()
    number, left, filler = 0, int(size), b"x" * 2000
    while left > 0:
        line = b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"%d %s"}}\n'
        line %= (number, filler)
        out(line)
        number, left = number + 1, left - len(line)
    err(b"flooded\n")
    reader.join()


def deaf():
    """Never reads; writes when it is told to, and then waits for ever."""
    out(b"ready\n")
    wait_for("go")
    for number in range(1000):
        out(b"still here %d\n" % number)
    err(b"went on\n")
    forever()


def close_output():
    """Closes its output, and goes on reading."""
    out(b'{"jsonrpc":"2.0","method":"notifications/last"}\nand half a li')
    os.close(1)
    err(b"closed\n")
    wait_for("go")
    for line in lines():
        err(b"ack " + line + b"\n")
    os._exit(3)


def close_input():
    """Closes its input, and goes on writing."""
    out(b"ready\n")
    os.close(0)
    err(b"closed\n")
    wait_for("go")
    out(b"still here\n")
    os._exit(4)


def write_on():
    """Writes until nobody reads any more, and says which error that is."""
    try:
        out(b"ready\n")
        wait_for("go")
        while True:
            out(b"x" * 1000 + b"\n")
            time.sleep(0.001)
    except OSError as error:
        err(type(error).__name__.encode() + b"\n")
    os._exit(9)


def burst(size):
    """Writes all it has to say, and ends."""
    out(b"x" * int(size))
    os._exit(6)


def mcp(call=None):
    """A server of one tool."""
    for line in lines():
        message = json.loads(line)
        result = {}
        if message["method"] == "initialize":
            about = {"name": "odd", "version": "1"}
            result = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": about}
        elif message["method"] == "tools/list":
            result = {"tools": [{"name": "work", "inputSchema": {"type": "object"}}]}
        elif message["method"] == "tools/call":
            if call:
                call()
            result = {"content": [{"type": "text", "text": "done"}]}
        if "id" in message:
            answer = {"jsonrpc": "2.0", "id": message["id"], "result": result}
            out(json.dumps(answer, separators=(",", ":")).encode() + b"\n")


def crash(how):
    """A server of one tool that ends in the middle of its answer."""

    def call():
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        out(HALF)
        if how == "abort":
            os.abort()
        elif how.startswith("SIG"):
            os.kill(os.getpid(), getattr(signal, how))
            forever()
        os._exit(int(how))

    mcp(call)


def fork(act):
    """Runs `act` in a child that is never waited for; returns when the child is ready."""
    if os.fork() == 0:
        try:
            act()
            note("grandchild", os.getpid())
            forever()
        finally:
            os._exit(99)
    wait_for("grandchild")


def holder(chatty):
    """Leaves a child behind that holds its output, or goes on writing."""

    def act():
        if chatty == "chatty":
            threading.Thread(target=chatter).start()

    def chatter():
        with contextlib.suppress(BrokenPipeError):
            while True:
                out(b".")
                time.sleep(0.05)

    fork(act)
    out(b"bye\n")
    os._exit(0)


def daemon():
    """Starts one as daemons are started, and is otherwise a good server."""

    def act():
        os.setsid()
        if os.fork():
            os._exit(0)
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(nothing, descriptor)

    fork(act)
    out(b"ready\n")
    echo()


def family():
    """Ends at SIGTERM; a child of it in its group does not."""
    fork(lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN))
    out(b"ready\n")
    echo()


def stubborn():
    """Ends at no signal that can be caught, nor at the end of its input; neither does its child."""
    on_signals(tell)
    fork(lambda: on_signals(lambda _: None))
    endless()


def endless():
    """Goes on when its input ends."""
    on_signals(tell)
    out(b"ready\n")
    for data in chunks():
        out(data)
    err(b"end\n")
    forever()


def handle(ends):
    """Says which signals it gets; ends at one of them."""

    def act(name):
        tell(name)
        if name == ends:
            os._exit(5)

    on_signals(act)
    out(b"ready\n")
    forever()


def plain():
    """Does nothing about signals."""
    for name in SIGNALS:
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    out(b"ready\n")
    forever()


def answer(seconds):
    """Takes its time for an answer, also when its input ends meanwhile; goes on until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: (tell("SIGTERM"), os._exit(5)))

    def late(request):
        time.sleep(float(seconds))
        out(b'{"jsonrpc":"2.0","id":%d,"result":{}}\n' % request)

    out(b"ready\n")
    for line in lines():
        threading.Thread(target=late, args=(json.loads(line)["id"],)).start()
    err(b"end\n")
    forever()


def tick(count, seconds):
    """Has more to say when its input ends."""
    signal.signal(signal.SIGTERM, lambda *_: (tell("SIGTERM"), os._exit(5)))
    out(b"ready\n")
    for _ in chunks():
        pass
    for number in range(int(count)):
        time.sleep(float(seconds))
        out(b"tick %d\n" % number)


def report(*arguments):
    """Says what it was started with."""
    with open("/proc/self/status") as status:
        masks = [line.strip() for line in status if line.startswith(("SigBlk", "SigIgn", "ShdPnd", "Groups"))]
    # The folder of descriptors is itself one while it is read.
    folder = os.open("/proc/self/fd", os.O_RDONLY)
    files = sorted(int(name) for name in os.listdir(folder))
    files.remove(folder)
    os.close(folder)
    umask = os.umask(0)
    os.umask(umask)
    limits = {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")}
    what = {
        "arguments": list(map(ascii, arguments)),
        "environment": {ascii(key): ascii(value) for key, value in os.environ.items()},
        "directory": os.getcwd(),
        "files": files,
        "limits": limits,
        "masks": masks,
        "nice": os.nice(0),
        "umask": umask,
    }
    out(json.dumps(what, sort_keys=True).encode() + b"\n")
    echo()


note("server", os.getpid())
globals()[sys.argv[1]](*sys.argv[2:])
