# SPDX-License-Identifier: BSL-1.0
# Copyright the libfiber authors.

"""Shows the fibers of libfiber in gdb: in live processes and in cores.

info fibers [--group] [--reason KIND]   lists the fibers
fiber ID                                selects a fiber: backtrace, frame, info locals are about it
fiber 0                                 goes back to the thread
fiber apply all COMMAND                 runs a command in each suspended fiber

A suspended fiber has its registers in memory. This script answers gdb's unwinder for the innermost frame of
the thread: the frame above it is then the fiber's. Nothing of the process is changed, so it works in a core.
"""

import struct

import gdb
import gdb.unwinder

VERSION = 1
FIELDS = (
    "version context records schedulers reasons reason_count "
    "slab_records slab_next slab_made chunks chunk_size records_in_chunk "
    "fiber_size fiber_state fiber_why fiber_what fiber_scheduler fiber_name fiber_stack fiber_id fiber_started_at "
    "stack_sp machine_next machine_running machine_thread scheduler_next scheduler_machines"
).split()
STATES = ("dead", "runnable", "running", "parked")


def read(address, size):
    return bytes(gdb.selected_inferior().read_memory(address, size))


def word(address):
    return struct.unpack("Q", read(address, 8))[0]


def text(address):
    return gdb.Value(address).cast(gdb.lookup_type("char").pointer()).string(errors="replace") if address else ""


def symbol(address):
    """Names a code address as well as gdb can."""
    line = gdb.find_pc_line(address)
    # Of inlined code gdb has the line in the header. Of this library's headers, it tells nothing.
    known = line.symtab and "include/fiber/" not in line.symtab.filename
    place = "%s:%d" % (line.symtab.filename, line.line) if known else ""
    name = gdb.execute("info symbol %#x" % address, to_string=True).split(" in section")[0].strip()
    name = "" if name.startswith("No symbol") else name
    return " ".join(part for part in (name, "at " + place if place else "") if part) or "%#x" % address


class Layout:
    """Where the library keeps its fibers: runtime/sched/debug_layout.hpp."""

    def __init__(self):
        try:
            at = int(gdb.parse_and_eval("(unsigned long)&fiber_debug_layout"))
        except gdb.error:
            raise gdb.GdbError("no fibers: this program has no libfiber, or it has not been loaded yet")
        values = struct.unpack("%dQ" % len(FIELDS), read(at, 8 * len(FIELDS)))
        for name, value in zip(FIELDS, values):
            setattr(self, name, value)
        if self.version != VERSION:
            raise gdb.GdbError(
                "fiber-gdb.py is for layout %d of libfiber, but the program has layout %d: use the script that "
                "belongs to its library" % (VERSION, self.version)
            )
        self.reason_names = [text(word(self.reasons + 8 * i)) for i in range(self.reason_count)]


class Fiber:
    def __init__(self, layout, at, record):
        def field(offset, form="Q"):
            return struct.unpack_from(form, record, offset)[0]

        self.layout = layout
        self.at = at
        self.state = STATES[field(layout.fiber_state, "B")]
        self.scheduler = field(layout.fiber_scheduler)
        self.number = field(layout.fiber_id)
        self.stack = field(layout.fiber_stack)
        self.started_at = field(layout.fiber_started_at)
        self.name_at = field(layout.fiber_name)
        reason = layout.reason_names[field(layout.fiber_why, "B")]
        self.reason = reason if self.state == "parked" else ""
        self.what = field(layout.fiber_what) if self.state == "parked" else 0
        # A runnable fiber that has a reason has run before.
        self.suspended = self.stack != 0 and (self.state == "parked" or (self.state == "runnable" and reason != ""))

    @property
    def name(self):
        return text(self.name_at)

    def title(self):
        name = self.name
        return "fiber %d%s" % (self.number, ' "%s"' % name if name else "")

    def registers(self):
        """Returns where a suspended fiber goes on, by the names of gdb: asm/switch/walk.cpp."""
        at = self.stack + self.layout.stack_sp
        sp = word(at)
        arm = "aarch64" in gdb.selected_inferior().architecture().name()
        if self.layout.context == 2:
            pc, frame, base = word(at + 8), word(at + 16), word(at + 24)
            return {"pc": pc, "sp": sp, "x29": frame, "x19": base} if arm else {"rip": pc, "rsp": sp, "rbp": frame, "rbx": base}
        if arm:
            found = {"x%d" % (19 + i): word(sp + 64 + 8 * i) for i in range(11)}
            found.update(pc=word(sp + 160), sp=sp + 176)
            return found
        found = dict(zip(("r12", "r13", "r14", "r15", "rbx", "rbp"), (word(sp + 8 * i) for i in range(1, 7))))
        found.update(rip=word(sp + 64), rsp=sp + 72)
        return found


def all_fibers():
    layout = Layout()
    slab = word(layout.records) if layout.records else 0
    found = []
    while slab:
        records = word(slab + layout.slab_records)
        made = read(slab + layout.slab_made, layout.chunks)
        for i in range(layout.chunks):
            if not made[i]:
                continue
            begin = records + i * layout.chunk_size
            chunk = read(begin, layout.chunk_size)
            for k in range(layout.records_in_chunk):
                at = k * layout.fiber_size
                if chunk[at + layout.fiber_state] == 0:  # dead
                    continue
                fiber = Fiber(layout, begin + at, chunk[at : at + layout.fiber_size])
                if fiber.scheduler and not fiber.name_at & 1:  # odd: the library's own, runtime/sched/name.hpp
                    found.append(fiber)
        slab = word(slab + layout.slab_next)
    return sorted(found, key=lambda f: f.number)


def thread_of(fiber):
    """Returns gdb's thread that runs the fiber, or None."""
    layout = fiber.layout
    scheduler = word(layout.schedulers) if layout.schedulers else 0
    while scheduler:
        machine = word(scheduler + layout.scheduler_machines)
        while machine:
            if word(machine + layout.machine_running) == fiber.at:
                lwp = struct.unpack("i", read(machine + layout.machine_thread, 4))[0]
                for thread in gdb.selected_inferior().threads():
                    if thread.ptid[1] == lwp:
                        return thread
            machine = word(machine + layout.machine_next)
        scheduler = word(scheduler + layout.scheduler_next)
    return None


class FrameId:
    def __init__(self, sp, pc):
        self.sp = sp
        self.pc = pc


class SelectedFiber(gdb.unwinder.Unwinder):
    """Answers for the innermost frame of each thread while a fiber is selected."""

    def __init__(self):
        super().__init__("fiber")
        self.fiber = None
        self.saved = None
        self.past_main = None

    def __call__(self, frame):
        if self.saved is None or frame.level() != 0:
            return None
        sp, pc = ("sp", "pc") if "sp" in self.saved else ("rsp", "rip")
        # An id inside the fiber's stack. With that of the thread, gdb would find the two stacks out of order.
        info = frame.create_unwind_info(FrameId(gdb.Value(self.saved[sp] - 16), frame.read_register(pc)))
        word_type = gdb.lookup_type("unsigned long")
        for name, value in self.saved.items():
            info.add_saved_register(name, gdb.Value(value).cast(word_type))
        return info

    def select(self, fiber):
        if self.saved is None:
            self.past_main = gdb.parameter("backtrace past-main")
        # The thread may stand in main, where gdb would stop without asking.
        gdb.execute("set backtrace past-main on")
        self.saved = fiber.registers()
        self.fiber = fiber
        gdb.invalidate_cached_frames()
        gdb.newest_frame().older().select()

    def forget(self):
        if self.saved is None:
            return False
        self.saved = self.fiber = None
        gdb.execute("set backtrace past-main %s" % ("on" if self.past_main else "off"))
        gdb.invalidate_cached_frames()
        return True

    def clear(self):
        if self.forget():
            gdb.newest_frame().select()


selected = SelectedFiber()
gdb.unwinder.register_unwinder(None, selected, replace=True)


class InfoFibers(gdb.Command):
    """info fibers [--group] [--reason KIND]: lists the fibers.

With --group, fibers that were started at the same place and wait for the same kind of thing take one line.
With --reason, only fibers whose wait begins with KIND are listed, for example chan or mutex."""

    def __init__(self):
        super().__init__("info fibers", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        group = "--group" in words
        kind = words[words.index("--reason") + 1] if "--reason" in words[:-1] else ""
        fibers = [f for f in all_fibers() if f.reason.startswith(kind)]
        if not group:
            for f in fibers:
                mark = "*" if selected.fiber and selected.fiber.number == f.number else " "
                what = " %#x" % f.what if f.what else ""
                wait = ", %s%s" % (f.reason, what) if f.reason else ""
                print("%s %s: %s%s; started at %s" % (mark, f.title(), f.state, wait, symbol(f.started_at - 1)))
            return
        groups = {}
        for f in fibers:
            groups.setdefault((f.state, f.reason, f.started_at), []).append(f)
        for (state, reason, start), members in sorted(groups.items(), key=lambda g: -len(g[1])):
            wait = ", " + reason if reason else ""
            numbers = ", ".join(str(f.number) for f in members[:5]) + (", …" if len(members) > 5 else "")
            print("%6d: %s%s; started at %s; fiber %s" % (len(members), state, wait, symbol(start - 1), numbers))


class FiberCommand(gdb.Command):
    """fiber ID: selects a fiber. fiber 0: goes back to the thread. Without an argument: tells which is selected.

Frame 0 remains the thread's; the fiber's frames begin with frame 1."""

    def __init__(self):
        super().__init__("fiber", gdb.COMMAND_STACK, prefix=True)

    def invoke(self, argument, from_tty):
        if not argument:
            print("selected: %s" % (selected.fiber.title() if selected.fiber else "the thread"))
            return
        try:
            number = int(argument)
        except ValueError:
            raise gdb.GdbError("fiber: expected the number of a fiber, as info fibers lists it")
        if number == 0:
            selected.clear()
            return
        for f in all_fibers():
            if f.number == number:
                return self.select(f)
        raise gdb.GdbError("there is no fiber %d" % number)

    @staticmethod
    def select(fiber):
        if fiber.suspended:
            selected.select(fiber)
            print("[%s: %s%s]" % (fiber.title(), fiber.state, ", " + fiber.reason if fiber.reason else ""))
            gdb.execute("frame")
            return
        selected.clear()
        thread = thread_of(fiber) if fiber.state == "running" else None
        if thread is None:
            raise gdb.GdbError("%s is %s, and has no frames yet" % (fiber.title(), fiber.state))
        thread.switch()
        print("[%s: running in thread %d]" % (fiber.title(), thread.num))
        gdb.execute("frame")


class FiberApply(gdb.Command):
    """fiber apply all COMMAND: runs a command in each suspended fiber."""

    def __init__(self):
        super().__init__("fiber apply", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        who, _, command = argument.strip().partition(" ")
        if who != "all" or not command.strip():
            raise gdb.GdbError("usage: fiber apply all COMMAND")
        before = selected.fiber
        try:
            for f in all_fibers():
                if not f.suspended:
                    continue
                selected.select(f)
                print("\n%s: %s%s" % (f.title(), f.state, ", " + f.reason if f.reason else ""))
                gdb.execute(command)
        finally:
            selected.clear()
            if before is not None:
                selected.select(before)


def forget(event):
    """Once the process runs on, the saved registers are not those of the fiber any more."""
    selected.forget()


gdb.events.cont.connect(forget)
InfoFibers()
FiberCommand()
FiberApply()
