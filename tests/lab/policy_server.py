"""Runs in a pod: returns what it gets, on three TCP ports and one UDP port. Sent as text, so standard library only."""

import contextlib
import socket
import threading

TCP_PORTS = (8080, 8081, 8085)
UDP_PORT = 9090


def talk(connection: socket.socket) -> None:
    """Echo one connection until it ends."""
    with connection, contextlib.suppress(OSError):
        while data := connection.recv(99):
            connection.sendall(data)


def listen(port: int) -> None:
    """Echo every connection to a port."""
    server = socket.create_server(("", port), backlog=64)
    while True:
        connection, _ = server.accept()
        threading.Thread(target=talk, args=(connection,), daemon=True).start()


for number in TCP_PORTS:
    threading.Thread(target=listen, args=(number,)).start()
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("", UDP_PORT))
while True:
    packet, sender = udp.recvfrom(99)
    udp.sendto(packet, sender)
