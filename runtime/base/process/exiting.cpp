// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// exiting.cpp: detects exit() by a handler, and by the functions on the stack.
#include "runtime/base/process/exiting.hpp"

#include <atomic>
#include <cstdlib>
#include <unwind.h>

namespace fiber::rt {
namespace {

constinit std::atomic<bool> begun{false};      // both relaxed: hints that order nothing else
constinit std::atomic<bool> registered{false}; // the handler has been registered

// Returns true if exit() has called a function on the caller's stack. The destructors of static objects
// made after the handler was registered run before it, and exit() calls them.
bool called_by_exit() noexcept {
    auto const look = [](_Unwind_Context* frame, void* found) {
        auto* const call = reinterpret_cast<char*>(_Unwind_GetIP(frame)) - 1; // in the call instruction
        void* const caller = _Unwind_FindEnclosingFunction(call);
        if (caller != reinterpret_cast<void*>(&std::exit) &&
            caller != reinterpret_cast<void*>(&std::quick_exit))
            return _URC_NO_REASON;
        *static_cast<bool*>(found) = true;
        return _URC_NORMAL_STOP;
    };
    bool found = false;
    static_cast<void>(_Unwind_Backtrace(look, &found));
    return found;
}

} // namespace

bool exit_has_begun() noexcept {
    if (begun.load(std::memory_order_relaxed))
        return true;
    if (!called_by_exit())
        return false;
    begun.store(true, std::memory_order_relaxed);
    return true;
}

void register_exit_handler() noexcept {
    // If std::atexit fails for lack of memory, called_by_exit() still works.
    if (!registered.exchange(true, std::memory_order_relaxed))
        static_cast<void>(std::atexit([] { begun.store(true, std::memory_order_relaxed); }));
}

} // namespace fiber::rt
