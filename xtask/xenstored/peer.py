"""A client of xenstore by pyxs: a line of the input is a command with its words, a line of the output what it returned."""

import errno
import signal
import sys

from pyxs import Client
from pyxs.exceptions import PyXSError


def main(path):
    signal.alarm(60)  # an answer that never comes ends it
    with Client(unix_socket_path=path) as client, client.monitor() as monitor:
        events = monitor.wait()
        commands = {
            "read": client.read,
            "write": client.write,
            "mkdir": client.mkdir,
            "rm": client.delete,
            "list": client.list,
            "perms": client.get_perms,
            "chmod": lambda node, *entries: client.set_perms(node, list(entries)),
            "watch": monitor.watch,
            "event": lambda: tuple(next(events)),
            "begin": lambda: client.transaction() > 0,
            "commit": client.commit,
            "rollback": client.rollback,
        }
        for line in sys.stdin:
            word, *rest = line.rstrip("\n").split("\t")
            try:
                print(commands[word](*(part.encode() for part in rest)), flush=True)
            except PyXSError as error:
                print(errno.errorcode[error.args[0]], flush=True)


main(sys.argv[1])
