// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// uncaught.cpp: ends the process when an uncaught exception or a forced unwinding would leave a fiber.

#include "runtime/base/fatal.hpp"
#include "runtime/sched/current.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/name.hpp"

#include "asm/outermost_call.hpp"

#include <exception>

namespace fiber::rt {
namespace {

fiber_name name_of_self() noexcept {
    machine const* const m = current_machine();
    return m != nullptr ? full_name(*m->running) : fiber_name{"a fiber that has forked"}; // [fork.thread]
}

[[noreturn]] void die_of_exception() noexcept {
    try {
        throw;
    } catch (std::exception const& e) {
        warn("%s was left by an exception: %s", name_of_self().text, e.what());
    } catch (...) {
        warn("%s was left by an exception that is no std::exception", name_of_self().text);
    }
    std::terminate(); // its handler can access the exception
}

} // namespace
} // namespace fiber::rt

void fiber::arch::on_uncaught(unwinding what) noexcept {
    if (what == unwinding::exception)
        rt::die_of_exception();
    rt::fatal("%s has called pthread_exit, or was cancelled, which is for OS threads: a fiber ends when its "
              "function returns",
              rt::name_of_self().text);
}
