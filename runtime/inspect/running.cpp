// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/inspect/running.hpp"

#include "runtime/base/platform/raw_file.hpp"
#include "runtime/inspect/asked_thread.hpp"
#include "runtime/sched/current.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/scheduler.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>

namespace fiber::rt {
namespace {

struct call_name {
    long number;
    char const* name;
    bool has_descriptor; // as the first argument
};
// Calls in which fibers often stay for long.
constexpr call_name call_names[] = {
    {SYS_read, "read", true},
    {SYS_write, "write", true},
    {SYS_readv, "readv", true},
    {SYS_writev, "writev", true},
    {SYS_pread64, "pread", true},
    {SYS_pwrite64, "pwrite", true},
    {SYS_openat, "open", false},
    {SYS_close, "close", true},
    {SYS_fsync, "fsync", true},
    {SYS_fdatasync, "fdatasync", true},
    {SYS_flock, "flock", true},
    {SYS_fcntl, "fcntl", true},
    {SYS_ioctl, "ioctl", true},
    {SYS_accept, "accept", true},
    {SYS_accept4, "accept", true},
    {SYS_connect, "connect", true},
    {SYS_recvfrom, "recv", true},
    {SYS_recvmsg, "recvmsg", true},
    {SYS_sendto, "send", true},
    {SYS_sendmsg, "sendmsg", true},
    {SYS_ppoll, "poll", false},
    {SYS_pselect6, "select", false},
#if defined(SYS_poll)
    {SYS_poll, "poll", false},
#endif
#if defined(SYS_select)
    {SYS_select, "select", false},
#endif
#if defined(SYS_epoll_wait)
    {SYS_epoll_wait, "epoll_wait", true},
#endif
    {SYS_epoll_pwait, "epoll_wait", true},
    {SYS_futex, "futex", false},
    {SYS_nanosleep, "nanosleep", false},
    {SYS_clock_nanosleep, "nanosleep", false},
    {SYS_wait4, "waitpid", false},
    {SYS_waitid, "waitid", false},
};

// Returns the call that the thread is in, as `read(5, …)`; an empty text if it is in none, or /proc does
// not tell.
std::string system_call_of(pid_t thread) {
    char path[48], text[256];
    std::snprintf(path, sizeof path, "/proc/self/task/%d/syscall", static_cast<int>(thread));
    ssize_t const n = raw_file(path).read(text, sizeof text - 1);
    if (n <= 0)
        return {};
    text[n] = '\0';
    long number = -1;
    std::uint64_t first = 0;
    if (std::sscanf(text, "%ld 0x%" SCNx64, &number, &first) != 2 || number < 0)
        return {}; // it runs
    auto const known = std::find_if(std::begin(call_names), std::end(call_names),
                                    [number](call_name const& c) { return c.number == number; });
    char made[64];
    if (known == std::end(call_names))
        std::snprintf(made, sizeof made, "system call %ld", number);
    else if (known->has_descriptor)
        std::snprintf(made, sizeof made, "%s(%d, …)", known->name, static_cast<int>(first));
    else
        std::snprintf(made, sizeof made, "%s(…)", known->name);
    return made;
}

bool runs(machine const& m, look const& l) noexcept { return m.running == l.who && l.who->id == l.id; }

machine const* machine_of(scheduler const& of, look const& l) noexcept {
    for (machine const* m = of.machines.first(); m != nullptr; m = m->next_made)
        if (runs(*m, l))
            return m;
    return nullptr;
}

} // namespace

std::vector<std::string> ask_running(scheduler& of, survey& all, dump_options const& options,
                                     void const* from) {
    std::vector<std::string> calls(all.fibers.size());
    std::size_t left = options.backtraces ? options.most : 0;
    machine const* const me = current_machine();
    asked_threads ask;
    for (std::size_t i = 0; i < calls.size(); ++i) {
        look& l = all.fibers[i];
        machine const* const m = l.state == fiber_state::running ? machine_of(of, l) : nullptr;
        if (m == nullptr)
            continue;
        if (m != me) {
            std::string call = system_call_of(m->thread_id);
            if (runs(*m, l))
                calls[i] = std::move(call);
        }
        if (left == 0 || !calls[i].empty())
            continue;
        --left;
        l.first_frame = all.frames.size();
        all.frames.resize(l.first_frame + max_frames);
        arch::backtrace own{all.frames.data() + l.first_frame, max_frames};
        if (m == me)
            arch::walk_self(reinterpret_cast<std::uintptr_t>(from), own);
        else
            ask.for_frames(*m, *l.who, own);
        l.frame_count = own.count;
        l.has_more_frames = own.has_more;
        all.frames.resize(l.first_frame + own.count);
    }
    return calls;
}

} // namespace fiber::rt
