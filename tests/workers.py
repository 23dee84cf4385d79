"""Processes that are workers of one cluster on this machine."""

import json
import os
import socket
import subprocess


def start_workers(command, count=2):
    """Runs a command in `count` processes whose `TF_CONFIG` names all of them; their two outputs are one pipe each."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("localhost", 0))
    addresses = [f"localhost:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    processes = []
    for index in range(count):
        cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        environment = os.environ | {"TF_CONFIG": json.dumps(cluster), "PYTHONPATH": os.getcwd()}
        processes.append(
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        )
    return processes
