// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// real_time_waits: a real-time thread waits for a thread of lower priority. That thread has lost the
// CPU a few instructions before the end of a fiber. The waiting thread gives the CPU back. With
// sched_yield alone it would spin until the kernel throttles it, for most of a second, or for ever.

// skip: the right to have a real-time policy (CAP_SYS_NICE) is missing
// stdout: detached
// stdout: CPU time: little

#include "runtime/sched/fiber.hpp"

#include <fiber/fiber.hpp>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <sched.h>
#include <semaphore>
#include <thread>

using fiber::rt::join_state;

namespace {

void stay_on(int cpu) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ::sched_setaffinity(0, sizeof one, &one);
}

bool become_real_time() {
    sched_param const lowest{::sched_get_priority_min(SCHED_FIFO)};
    return ::sched_setscheduler(0, SCHED_FIFO, &lowest) == 0;
}

std::chrono::nanoseconds cpu_time_of_thread() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

} // namespace

int main() {
    fiber::thread ended([] {});
    auto& word = ended.native_handle()->join.word;
    while (word.load() != join_state::done)
        std::this_thread::yield();
    word = join_state::finishing; // the state that a machine leaves if it loses its CPU here

    int const cpu = ::sched_getcpu();
    bool refused = false;
    std::binary_semaphore on_its_cpu(0), waiting(0);
    std::thread lower([&] {
        stay_on(cpu);
        on_its_cpu.release();
        waiting.acquire();
        word = join_state::done;
    });
    std::thread real_time([&] {
        stay_on(cpu);
        on_its_cpu.acquire();
        refused = !become_real_time();
        waiting.release(); // `lower` does not run before this thread sleeps
        auto const before = cpu_time_of_thread();
        ended.detach();
        std::puts("detached");
        std::puts(cpu_time_of_thread() - before < std::chrono::milliseconds(100) ? "CPU time: little"
                                                                                 : "CPU time: too much");
    });
    real_time.join();
    lower.join();
    return refused ? 77 : 0;
}
