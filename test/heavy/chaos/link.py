# Links to network namespaces over which packets take time and get lost, as tc's netem does it where the kernel has it:
# python3 link.py DELAY_MS JITTER_MS LOSS PID... Namespace N, that of process PID, is 10.9.N.2; this side is 10.9.N.1.
import fcntl, heapq, itertools, os, random, select, struct, subprocess, sys, time

delay, jitter, loss = float(sys.argv[1]) / 1000, float(sys.argv[2]) / 1000, float(sys.argv[3])


def run(*command):
    subprocess.run(command, check=True)


def tun(name):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, 0x400454CA, struct.pack("16sH", name.encode(), 0x0001 | 0x1000))  # TUNSETIFF: IFF_TUN, IFF_NO_PI
    return device


ends = {}
for n, pid in enumerate(sys.argv[4:]):
    near, far = tun(f"near{n}"), tun(f"far{n}")
    ends[near], ends[far] = far, near
    inside = ("nsenter", "-t", pid, "-n")
    run("ip", "link", "set", f"far{n}", "netns", pid)
    run(*inside, "ip", "address", "add", f"10.9.{n}.2/30", "dev", f"far{n}")
    run(*inside, "ip", "link", "set", f"far{n}", "up")
    run("ip", "address", "add", f"10.9.{n}.1/30", "dev", f"near{n}")
    run("ip", "link", "set", f"near{n}", "up")
print("ready", flush=True)

order = itertools.count()
packets = []
seen = lost = 0
try:
    while True:
        wait = max(0, packets[0][0] - time.monotonic()) if packets else 1
        for end in select.select(list(ends), [], [], wait)[0]:
            try:
                packet = os.read(end, 65536)
            except (BlockingIOError, OSError):
                continue
            seen += 1
            if random.random() < loss:
                lost += 1
                continue
            at = time.monotonic() + delay + random.uniform(-jitter, jitter)
            heapq.heappush(packets, (at, next(order), ends[end], packet))
        while packets and packets[0][0] <= time.monotonic():
            _, _, end, packet = heapq.heappop(packets)
            try:
                os.write(end, packet)
            except OSError:
                pass  # The other side is gone, or its queue is full: lost.
        if os.getppid() == 1:
            break
except KeyboardInterrupt:
    pass
