// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// long_jump.cpp: longjmp out of segments. The linker redirects longjmp to this file. The frames
// that it skips never return, so it does the work of each __morestack among them: it returns the
// segments, and sets the limit to that of the segment where setjmp was called. As in C, nothing is
// destroyed on the way.
//
// It runs on the segment that it leaves, with the stack of a caller of foreign code. Therefore no
// call below takes a segment, even after this segment has become idle.

#include "asm/segmented/growth_segmented.hpp"

#include <csetjmp>
#include <csignal>
#include <cstdint>
#include <unwind.h>
#include <utility>

extern "C" {
// The C library's longjmp; its _longjmp and siglongjmp are the same.
[[noreturn]] void __real_longjmp(std::jmp_buf, int);
// Defined in morestack_x86_64.S: the return address of a function body that runs on its own
// segment.
extern char const fiber_arch_body_returns[] __attribute__((visibility("hidden")));
}

namespace fiber::arch {
namespace {

// As glibc's PTR_DEMANGLE does it.
std::uintptr_t stack_pointer_in(std::jmp_buf const where) noexcept {
    constexpr int rsp = 6;
    auto sp = static_cast<std::uintptr_t>(where[0].__jmpbuf[rsp]);
    asm("rorq $17, %0\n\t"
        "xorq %%fs:0x30, %0"
        : "+r"(sp)
        :
        : "cc");
    return sp;
}

// The way from the caller outwards, segment by segment.
struct unwind_path {
    std::uintptr_t target;
    std::byte* limit;
    segment* left = nullptr; // the newest first

    // Returns true if the target is on the segment of `limit`. The fiber's first stack is the last one.
    [[nodiscard]] bool arrived() const noexcept {
        auto const at = segment_location::of(limit);
        return at.slot_size == 0 || target - reinterpret_cast<std::uintptr_t>(at.bottom) < at.slot_size;
    }
    void pass_morestack(std::byte* rbp) noexcept {
        segment& taken = **reinterpret_cast<segment**>(rbp - 32);
        taken.next = std::exchange(left, &taken);
        limit = *reinterpret_cast<std::byte**>(rbp - 16);
    }
};

_Unwind_Reason_Code pass(_Unwind_Context* frame, void* argument) {
    constexpr int rbp = 6;
    auto& out = *static_cast<unwind_path*>(argument);
    if (_Unwind_GetIP(frame) == reinterpret_cast<std::uintptr_t>(fiber_arch_body_returns))
        out.pass_morestack(reinterpret_cast<std::byte*>(_Unwind_GetGR(frame, rbp)));
    return out.arrived() ? _URC_END_OF_STACK : _URC_NO_REASON;
}

// Returns true if sp lies on the signal stack and a signal handler runs on it.
bool on_signal_stack(std::uintptr_t sp) noexcept {
    stack_t s{};
    return ::sigaltstack(nullptr, &s) == 0 && (s.ss_flags & SS_ONSTACK) != 0 &&
           sp - reinterpret_cast<std::uintptr_t>(s.ss_sp) < s.ss_size;
}

[[noreturn]] void jump(std::jmp_buf where, int value) noexcept {
    auto const target = stack_pointer_in(where);
    if (interrupted_segment().bottom != nullptr && on_signal_stack(target))
        __real_longjmp(where, value);
    unwind_path out{target, flow_limit()};
    if (!out.arrived())
        ::_Unwind_Backtrace(pass, &out);
    if (!out.arrived())
        fiber_arch_cannot_jump();
    while (segment* const s = out.left) {
        out.left = s->next;
        put_idle_segment(*s);
    }
    set_current_limit(out.limit);
    __real_longjmp(where, value);
}

} // namespace
} // namespace fiber::arch

extern "C" {
[[noreturn, gnu::visibility("hidden")]] void __wrap_longjmp(std::jmp_buf where, int value) {
    fiber::arch::jump(where, value);
}
[[noreturn, gnu::visibility("hidden")]] void __wrap__longjmp(std::jmp_buf where, int value) {
    fiber::arch::jump(where, value);
}
[[noreturn, gnu::visibility("hidden")]] void __wrap_siglongjmp(std::jmp_buf where, int value) {
    fiber::arch::jump(where, value);
}
// With _FORTIFY_SOURCE, __longjmp_chk compares stack pointers, which is meaningless with segments.
[[noreturn, gnu::visibility("hidden")]] void __wrap___longjmp_chk(std::jmp_buf where, int value) {
    fiber::arch::jump(where, value);
}
}
