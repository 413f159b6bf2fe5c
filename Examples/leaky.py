#!/usr/bin/env python3
"""A shop that leaks sockets, for docs/leaks.md. Everything stays on 127.0.0.1.

It runs as three processes, each named after its part: `customer` orders, `leaky` is the shop, and `stock` is
asked by the shop for each order. Customer and stock close what they open. The shop forgets two connections an
order, and each of them the other side has closed: the customer's, that it accepted, and its own to stock.

    python3 Examples/leaky.py [--every SECONDS] [--orders N] [--fixed]

It goes on until it is interrupted, or until its standard input is closed where that is a pipe.
"""
import argparse
import ctypes
import os
import socket
import stat
import subprocess
import sys
import threading
import time


def name_thread(name):
    """What ps -L, and each audit record of this thread, calls it: prctl(PR_SET_NAME)."""
    ctypes.CDLL(None).prctl(15, name.encode(), 0, 0, 0)


def answer(connection, text):
    connection.recv(64)
    connection.sendall(text)


def stock(listener):
    name_thread("stock")
    while True:
        connection, _ = listener.accept()
        with connection:
            answer(connection, b"there are some\n")


class Shop:
    def __init__(self, stock_address, fixed):
        self.stock_address, self.fixed = stock_address, fixed
        self.orders = {}

    def serve(self, listener):
        name_thread("orders")
        while True:
            customer, _ = listener.accept()
            self.order(len(self.orders), customer)

    def order(self, number, customer):
        stock = socket.create_connection(self.stock_address)
        stock.sendall(b"how many?\n")
        answer(customer, stock.recv(64))
        # The leak: an order is kept for ever, and with it both of its connections.
        self.orders[number] = (customer, stock)
        if self.fixed:
            customer.close()
            stock.close()


def customer(address, every, orders):
    name_thread("customer")
    made = 0
    while orders == 0 or made < orders:
        with socket.create_connection(address) as connection:
            connection.sendall(b"one, please\n")
            connection.recv(64)
        made += 1
        print(f"ordered {made}", flush=True) if made == orders else None
        time.sleep(every)
    threading.Event().wait()


def listen():
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, listener.getsockname()


def part(name, *arguments, **more):
    """Another process of this program; its standard input ends with us, and so does it."""
    command = [sys.executable, __file__, "--part", name, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, **more)


def end_with_input():
    """Ends the process when its standard input, a pipe, is closed."""
    def wait():
        while os.read(0, 64):
            pass
        os._exit(0)

    if stat.S_ISFIFO(os.fstat(0).st_mode):
        threading.Thread(target=wait, daemon=True).start()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--every", type=float, default=0.5, help="seconds from order to order (0.5)")
    parser.add_argument("--orders", type=int, default=0, help="stop ordering after so many (0: never)")
    parser.add_argument("--fixed", action="store_true", help="close what is no longer needed")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    end_with_input()
    if options.part and options.part[0] == "stock":
        listener, address = listen()
        print(address[1], flush=True)
        stock(listener)
    elif options.part:
        customer(("127.0.0.1", int(options.part[1])), options.every, options.orders)

    stock_part = part("stock", stdout=subprocess.PIPE)
    stock_address = ("127.0.0.1", int(stock_part.stdout.readline()))
    listener, address = listen()
    shop = Shop(stock_address, options.fixed)
    threading.Thread(target=shop.serve, args=(listener,), daemon=True).start()
    name_thread("leaky")
    print(f"shop: pid {os.getpid()}, 127.0.0.1:{address[1]}", flush=True)
    print(f"stock: pid {stock_part.pid}, 127.0.0.1:{stock_address[1]}", flush=True)
    orders = part("customer", address[1], "--every", options.every, "--orders", options.orders)
    print(f"customer: pid {orders.pid}", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
