"""The command line in forked children of one warm process, which spares the imports of each."""

import json
import os
import socket
import sys
import traceback
from importlib import import_module

_HEAVY = ("PIL.Image", "av", "cli.app", "cli.progress", "cli.report", "engine.library", "faiss")
_HEAVY += ("indexer", "rich.console", "rich.progress", "rich.text", "safetensors.numpy")


def serve(channel: socket.socket) -> None:
    """Answer requests, one child for each, until the other side has gone."""
    for name in _HEAVY:
        import_module(name)
    while True:
        message, descriptors, _, _ = socket.recv_fds(channel, 1 << 20, 3)
        if not message:
            return
        child = os.fork()
        if not child:
            _become(json.loads(message), descriptors)
        for one in descriptors:
            os.close(one)
        status = os.waitpid(child, 0)[1]
        channel.send(b"%d" % os.waitstatus_to_exitcode(status))


def _become(request: dict[str, object], descriptors: list[int]) -> None:
    """Be `seehear`: with the arguments, the environment, the folder and the streams asked for."""
    code = 99
    try:
        for target, one in enumerate(descriptors):
            os.dup2(one, target)
            os.close(one)
        os.environ.clear()
        os.environ.update(request["environ"])  # type: ignore[call-overload]
        os.chdir(os.fsencode(str(request["cwd"])))
        sys.argv = ["seehear", *map(str, request["arguments"])]  # type: ignore[call-overload]
        import_module("cli.app").main()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0
    except BaseException:  # noqa: BLE001  (what Python itself would print)
        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
