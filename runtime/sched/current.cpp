// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/current.hpp"

#include "runtime/base/process/fatal.hpp"
#include "runtime/sched/thread_agent.hpp"

#include <cstring>
#include <pthread.h>

#if defined(__clang__)
#define FIBER_OPAQUE gnu::noinline
#else
#define FIBER_OPAQUE gnu::noinline, gnu::noipa
#endif

// used: current.hpp names it in assembly only. initial-exec: reading it takes one load, and no call
// into the dynamic linker. A library loaded by dlopen needs only 16 bytes of static TLS for it.
[[gnu::used, gnu::tls_model("initial-exec")]] thread_local fiber::rt::machine* fiber_rt_this_machine =
    nullptr;

namespace fiber::rt {
namespace {

[[gnu::tls_model("initial-exec")]] thread_local thread_agent* this_thread_agent = nullptr;

// Hides an accessor's body. Otherwise link-time optimisation could find that it has no side effects,
// and merge two calls.
inline void hide() noexcept { asm volatile("" ::: "memory"); }

// Destroys the fiber-local values of an OS thread among its thread_local variables. The values'
// destructors may use thread_local variables that were made earlier.
struct destroy_locals_at_thread_end {
    bool armed = false;
    ~destroy_locals_at_thread_end() {
        if (this_thread_agent != nullptr)
            this_thread_agent->destroy_locals();
    }
};
thread_local destroy_locals_at_thread_end at_thread_end;

// [agent.end] The destructor of a thread_local variable may still wait, or make fiber-local values, and
// uses the thread's agent. Therefore the destructor of a pthread key gives the agent back: it runs
// after the destructors of all thread_local variables. The destructor of another key may run later and
// wait. Then the thread gets another agent, for which the C library calls give_agent_back again.
constinit pthread_key_t agent_key{};

void give_agent_back(void* its) noexcept {
    auto& agent = *static_cast<thread_agent*>(its);
    agent.destroy_locals(); // before the reset: the values' destructors use this agent, too
    this_thread_agent = nullptr;
    thread_agent::release(agent);
}

[[gnu::constructor(101)]] void make_agent_key() { // 101: the first priority that programs may use
    if (int const error = ::pthread_key_create(&agent_key, give_agent_back); error != 0)
        fatal("cannot prepare for the ends of threads: pthread_key_create: %s", std::strerror(error));
}

} // namespace

#if !defined(__x86_64__) && !defined(__aarch64__)
[[FIBER_OPAQUE]] machine* current_machine() noexcept {
    hide();
    return fiber_rt_this_machine;
}
#endif

[[FIBER_OPAQUE]] void set_current_machine(machine* m) noexcept {
    hide();
    fiber_rt_this_machine = m;
}

[[FIBER_OPAQUE]] thread_agent& current_thread_agent() noexcept {
    hide();
    if (this_thread_agent == nullptr) {
        at_thread_end.armed = true;
        this_thread_agent = &thread_agent::acquire();
        ::pthread_setspecific(agent_key, this_thread_agent); // [agent.end]
    }
    return *this_thread_agent;
}

} // namespace fiber::rt
