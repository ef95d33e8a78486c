"""How much memory work needs beside what was there before it, as `MemoryWatch` of the benchmarks has it."""


def _peak():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


class MemoryWatch:
    """From its making on; `extra()` is None where the system does not tell."""

    def __init__(self):
        try:
            # Sets the peak to what is held now: proc(5), /proc/pid/clear_refs.
            with open("/proc/self/clear_refs", "w") as file:
                file.write("5")
            self.before = _peak()
        except OSError:
            self.before = None

    def extra(self):
        return None if self.before is None else max(_peak() - self.before, 0)
