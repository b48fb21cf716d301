#!/usr/bin/env python3
"""Carries packets between two network namespaces as badly as it is told to, for kernels that have no netem.

Two TUN devices, 10.200.78.1 in the first and 10.200.78.2 in the second; every packet between them passes through here.
It says "ready", works until its stdin ends, and then says what it did.  Root only.
"""
import argparse, fcntl, heapq, os, random, select, struct, subprocess, sys, time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000


def tun(namespace, address):
    name = "bad0"
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    # A name of its own until it is where it belongs.
    first = "bad%d" % os.getpid()
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH", first.encode(), IFF_TUN | IFF_NO_PI))
    for words in (["link", "set", first, "netns", namespace],
                  ["-n", namespace, "link", "set", first, "name", name],
                  ["-n", namespace, "addr", "add", address, "dev", name],
                  ["-n", namespace, "link", "set", name, "up", "mtu", "1400"]):
        subprocess.run(["ip"] + words, check=True)
    return fd


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("namespaces", nargs=2)
    arguments.add_argument("--delay", type=float, default=0, metavar="MS", help="each way")
    arguments.add_argument("--loss", type=float, default=0, metavar="PERCENT")
    arguments.add_argument("--dup", type=float, default=0, metavar="PERCENT")
    arguments.add_argument("--reorder", type=float, default=0, metavar="PERCENT", help="these packets are not delayed")
    arguments.add_argument("--seed", type=int, default=1)
    a = arguments.parse_args()
    chance = random.Random(a.seed)
    one, two = tun(a.namespaces[0], "10.200.78.1/24"), tun(a.namespaces[1], "10.200.78.2/24")
    other, queue = {one: two, two: one}, []
    count = {"packets": 0, "lost": 0, "doubled": 0, "early": 0}
    epoll = select.epoll()
    for fd in (one, two, sys.stdin.fileno()):
        epoll.register(fd, select.EPOLLIN)
    print("ready", flush=True)
    while True:
        wait = max(0.0, queue[0][0] - time.monotonic()) if queue else -1
        for fd, _ in epoll.poll(wait):
            if fd not in other:
                print(", ".join("%s %d" % item for item in count.items()), flush=True)
                return
            try:
                while True:
                    packet = os.read(fd, 2048)
                    count["packets"] += 1
                    if chance.random() * 100 < a.loss:
                        count["lost"] += 1
                        continue
                    twice = chance.random() * 100 < a.dup
                    early = chance.random() * 100 < a.reorder
                    count["doubled"] += twice
                    count["early"] += early
                    when = time.monotonic() + (0 if early else a.delay / 1e3)
                    for n in range(1 + twice):
                        heapq.heappush(queue, (when, count["packets"] + n / 2, other[fd], packet))
            except BlockingIOError:
                pass
        while queue and queue[0][0] <= time.monotonic():
            _, _, fd, packet = heapq.heappop(queue)
            try:
                os.write(fd, packet)
            except OSError:
                pass  # its device is full, or down: a loss like others


if __name__ == "__main__":
    main()
