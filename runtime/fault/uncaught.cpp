// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/fault/uncaught.hpp"

#include "runtime/base/process/fatal.hpp"
#include "runtime/fault/print_frames.hpp"
#include "runtime/sched/current.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/name.hpp"

#include "asm/call/outermost_call.hpp"

#include <cstdint>
#include <exception>

namespace fiber::rt {
namespace {

fiber_name name_of_self() noexcept {
    machine const* const m = current_machine();
    return m != nullptr ? full_name(*m->running) : fiber_name{"a fiber that has forked"}; // [fork.thread]
}

[[noreturn]] void die_of_exception(std::uintptr_t unwinder) noexcept {
    try {
        throw;
    } catch (std::exception const& e) {
        warn("%s was left by an exception: %s", name_of_self().text, e.what());
    } catch (...) {
        warn("%s was left by an exception that is no std::exception", name_of_self().text);
    }
    print_frames(unwinder);
    std::terminate(); // its handler can access the exception
}

[[noreturn]] void die(arch::unwinding what, std::uintptr_t unwinder) noexcept {
    if (what == arch::unwinding::exception)
        die_of_exception(unwinder);
    fatal("%s has called pthread_exit, or was cancelled, which is for OS threads: a fiber ends when its "
          "function returns",
          name_of_self().text);
}

} // namespace

void report_uncaught_exceptions() noexcept { arch::set_uncaught_handler(die); }

} // namespace fiber::rt
