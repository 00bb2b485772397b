// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// loader.cpp: dlopen, dlclose, vfork. While a library is loaded or unloaded, its constructors and destructors
// run under a lock of the OS thread. A child of vfork uses the fiber's memory and stack.
//
// dlopen looks at its caller: where it searches depends on the library that calls it. Therefore calls_*.S
// jumps to it, and nothing here runs when it returns. hook_record keeps the frame and the return address. As
// long as both are there, and the caller stands below, dlopen is taken to be under way.

#include "runtime/hook/handler.hpp"
#include "runtime/hook/hooked.hpp"

#include <dlfcn.h>
#include <sys/types.h>

using namespace fiber::hook_library;

FIBER_HOOK(int, dlclose, (void* library)) {
    hook_record* const r = record_on_own_stack(seam_of.any);
    if (r == nullptr || is_in_loader(*r))
        return real_dlclose(library);
    r->loader = {.frame = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)), .return_address = 0};
    int const result = real_dlclose(library);
    r->loader = {};
    return result;
}

// ── for calls_*.S ──

#define FIBER_HOOK_HELPER extern "C" __attribute__((visibility("hidden")))

#ifndef FIBER_HOOK_WRAP
namespace {

// Each has its entry in the list, so that it is found before main.
constinit real_function<void*(char const*, int)> real_dlopen{"dlopen"};
constinit real_function<pid_t()> real_vfork{"vfork"};
[[gnu::section("fiber_hooks"), gnu::used]] constinit real_entry entry_of_dlopen{"dlopen", &real_dlopen};
[[gnu::section("fiber_hooks"), gnu::used]] constinit real_entry entry_of_vfork{"vfork", &real_vfork};

} // namespace

// Called with the address where the frame of dlopen ends. Returns the real one.
FIBER_HOOK_HELPER void* fiber_hook_enter_dlopen(std::uintptr_t frame, std::uintptr_t return_address) {
    if (hook_record* const r = record_on_own_stack(seam_of.any); r != nullptr && !is_in_loader(*r))
        r->loader = {frame, return_address};
    return reinterpret_cast<void*>(real_dlopen.get());
}
FIBER_HOOK_HELPER void* fiber_hook_real_vfork() { return reinterpret_cast<void*>(real_vfork.get()); }
#endif

namespace fiber::hook_library {
namespace {

// A vfork that is under way, of a fiber or of an OS thread.
struct open_vfork {
    std::uintptr_t return_address;
    bool is_child;
};
// Of an OS thread. The child has its thread's variables.
[[gnu::tls_model("initial-exec")]] constinit thread_local open_vfork vfork_of_thread{};

} // namespace

bool is_in_vfork_child() noexcept {
    hook_record const* const r = record_on_own_stack(seam_of.any);
    return r != nullptr ? r->in_child : vfork_of_thread.is_child;
}

} // namespace fiber::hook_library

// Keeps the return address of vfork: the child overwrites it in the stack. Returns false if vfork has to be
// the plain call, in a child of vfork.
FIBER_HOOK_HELPER bool fiber_hook_enter_vfork(std::uintptr_t return_address) {
    if (seam_of.any == nullptr || is_in_vfork_child())
        return false;
    if (hook_record* const r = record_on_own_stack(seam_of.any)) {
        r->vfork_return = return_address;
        r->in_child = true; // the parent waits until the child is gone
    } else {
        vfork_of_thread = {return_address, true};
    }
    return true;
}
// Called in the child, and then in the parent. Returns where vfork returns to.
FIBER_HOOK_HELPER std::uintptr_t fiber_hook_leave_vfork(pid_t child) {
    hook_record* const r = record_on_own_stack(seam_of.any);
    if (child != 0)
        (r != nullptr ? r->in_child : vfork_of_thread.is_child) = false;
    return r != nullptr ? r->vfork_return : vfork_of_thread.return_address;
}

FIBER_HOOK_PART(loader)
