// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// overflow.cpp: detects and reports overflows of fibers' stacks. Most of it runs in a signal handler,
// after a fault at any instruction. Therefore it takes no mutex and allocates nothing. glibc
// does not promise that number formatting, the unwinder and dladdr are safe there. They are used all
// the same: the process is about to end, and at worst it ends without the rest of the report.

#include "runtime/fault/overflow.hpp"

#include "runtime/base/atomics/backoff.hpp"
#include "runtime/base/process/no_destructor.hpp"
#include "runtime/fault/chained_handler.hpp"
#include "runtime/fault/print_frames.hpp"
#include "runtime/sched/current.hpp"
#include "runtime/sched/fiber.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/overflow_report.hpp"
#include "runtime/stack/stack_class.hpp"

#include "asm/segmented/growth.hpp"
#include "asm/signal_context.hpp"

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace fiber::rt {
namespace {

constinit no_destructor<chained_handler> behind;

// Tells whether the stack on which g runs has overflowed: by an access to its guard, or to memory below it.
// A frame larger than the guard steps over it, and may reach far into the stacks below.
struct overflow {
    std::size_t size = 0; // of the stack that overflowed; 0 if none did
    char const* remedy = larger_stack;
    bool over_guard = false;
};
overflow overflow_of(fiber const& g, arch::segment_location segment, std::uintptr_t address,
                     std::uintptr_t sp) noexcept {
    constexpr std::size_t farthest = std::size_t{64} << 20;
    stack const* const own = g.stack;
    stack const* const s = own->extension != nullptr ? own->extension : own;
    bool const elsewhere = segment.slot_size != 0;
    auto const bottom = reinterpret_cast<std::uintptr_t>(elsewhere ? segment.bottom : s->bottom());
    auto const size = elsewhere ? segment.slot_size : s->size_class.size();
    auto const* const remedy = own->extension != nullptr ? "with_stack more bytes" : larger_stack;
    if (bottom - 1 - address < guard_size)
        return {size, remedy};
    bool const below = sp < bottom && bottom - sp < farthest;
    bool const in_frames = address < bottom && address >= sp - guard_size; // a call or a push goes below sp
    return below && in_frames ? overflow{size, remedy, true} : overflow{};
}

void report_overflow(siginfo_t const& info, void const* context) noexcept {
    machine const* const m = current_machine();
    fiber const* const g = m != nullptr ? static_cast<fiber*>(m->running) : nullptr;
    if (g == nullptr || info.si_code <= 0)
        return;
    auto const at = arch::interrupted(context);
    auto const found =
        overflow_of(*g, arch::interrupted_segment(), reinterpret_cast<std::uintptr_t>(info.si_addr), at.sp);
    if (found.size == 0)
        return;
    static std::atomic<bool> reporting{false}; // one report at a time; its data belong to its thread
    spin_until([] { return !reporting.exchange(true, std::memory_order_acquire); }); // [overflow.report]
    print_overflow(*g, found.size, found.remedy);
    if (found.over_guard)
        print(
            "  by a frame larger than the guard, which -fstack-clash-protection would have stopped there\n");
    print_frames(at.pc);
    reporting.store(false, std::memory_order_release); // [overflow.report]
}

void on_fault(int signal, siginfo_t* info, void* context) noexcept {
    int const error = errno;
    report_overflow(*info, context);
    errno = error;
    behind.value.pass_on(signal, info, context);
}

} // namespace

void watch_for_overflows() noexcept {
    static std::once_flag once;
    std::call_once(once, [] { behind.value.install(SIGSEGV, on_fault); });
}

} // namespace fiber::rt
