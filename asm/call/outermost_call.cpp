// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// outermost_call.cpp: handles an exception that no frame catches.
#include "asm/call/outermost_call.hpp"

#include <atomic>
#include <cxxabi.h>
#include <exception>
#include <unwind.h>

namespace fiber::arch {
namespace {

constinit std::atomic<uncaught_handler> handler{nullptr};

[[noreturn]] void on_uncaught(unwinding what, void const* unwinder) noexcept {
    if (uncaught_handler const h = handler.load(std::memory_order_relaxed)) // relaxed: a constant function
        h(what, reinterpret_cast<std::uintptr_t>(unwinder));
    std::terminate();
}

} // namespace

void set_uncaught_handler(uncaught_handler h) noexcept { handler.store(h, std::memory_order_relaxed); }

} // namespace fiber::arch

// The personality of fiber_arch_outermost_call's frame. The unwinder calls it when it reaches that
// frame.
extern "C" [[gnu::visibility("hidden")]] _Unwind_Reason_Code
fiber_arch_unwind_outermost_call(int, _Unwind_Action actions, _Unwind_Exception_Class,
                                 _Unwind_Exception* exception, _Unwind_Context*) {
    void const* const unwinder = __builtin_return_address(0);
    if ((actions & _UA_SEARCH_PHASE) == 0)
        fiber::arch::on_uncaught(fiber::arch::unwinding::forced, unwinder);
    abi::__cxa_begin_catch(exception); // as __cxa_throw does where the search finds nothing
    fiber::arch::on_uncaught(fiber::arch::unwinding::exception, unwinder);
}
