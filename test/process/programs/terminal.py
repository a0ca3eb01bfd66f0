# Plays a person at a terminal: runs the command given as arguments on a pseudo-terminal, and follows the script on standard
# input, one JSON value a line: {"expect": text} waits for the text, {"send": text} types. Prints what the terminal showed and
# the exit code as JSON.
import json, os, pty, select, sys, time

script = [json.loads(line) for line in sys.stdin if line.strip()]
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[1], sys.argv[1:])

shown, at, problem = "", 0, None

def read(seconds):
    global shown
    ready, _, _ = select.select([terminal], [], [], seconds)
    if not ready:
        return True
    try:
        data = os.read(terminal, 65536)
    except OSError:
        return False
    shown += data.decode("utf8", "replace")
    return bool(data)

for step in script:
    if "send" in step:
        os.write(terminal, step["send"].encode())
        continue
    limit = time.time() + 60
    while (found := shown.find(step["expect"], at)) == -1 and time.time() < limit and problem is None:
        if not read(0.1):
            break
    if found == -1:
        problem = "never showed " + json.dumps(step["expect"])
        break
    at = found + len(step["expect"])

limit = time.time() + 60
alive = problem is None
while alive and time.time() < limit and read(0.1):
    pass
if problem is not None or time.time() >= limit:
    os.kill(child, 9)
_, status = os.waitpid(child, 0)
print(json.dumps({"shown": shown, "code": os.waitstatus_to_exitcode(status), "problem": problem}))
