// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does the hook library cost in a call that does not block, in a fiber and in an OS thread? The program
// is linked with it. FIBER_HOOK=0 makes the calls plain. getppid has no hook: it shows how alike two runs
// are.
#include "perf/micro/micro.hpp"

#include <array>

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace perf {
namespace {

void getppid(benchmark::State& state) {
    for (auto _ : state)
        benchmark::DoNotOptimize(syscall(SYS_getppid));
}

// Receives a byte that stays there.
void receive(benchmark::State& state) {
    std::array<int, 2> ends{};
    char c = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0 || send(ends[1], &c, 1, 0) != 1) {
        state.SkipWithError("no sockets");
        return;
    }
    for (auto _ : state)
        benchmark::DoNotOptimize(recv(ends[0], &c, 1, MSG_PEEK));
    for (int const end : ends)
        close(end);
}

void read_nothing(benchmark::State& state) {
    char c = 0;
    for (auto _ : state)
        benchmark::DoNotOptimize(read(-1, &c, 1)); // fails
}

// Of a number for which nobody has waited.
void dup_and_close(benchmark::State& state) {
    for (auto _ : state)
        close(dup(STDERR_FILENO));
}

bool const registered = both("getppid", getppid, getppid) && both("recv", receive, receive) &&
                        both("read_fails", read_nothing, read_nothing) &&
                        both("dup_close", dup_and_close, dup_and_close);

} // namespace
} // namespace perf
