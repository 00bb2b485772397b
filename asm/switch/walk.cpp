// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// walk.cpp: where each backend keeps the registers of a suspended flow, and the calls of the unwinder.

#include "asm/switch/walk.hpp"

#include <unwind.h>

extern "C" [[gnu::visibility("hidden")]] void fiber_arch_walk_suspended(fiber::arch::suspended_flow const*,
                                                                        void (*walk)(void*), void* argument);

namespace fiber::arch {

// The native backend saves only what the compiler cannot. The other registers have no value there that
// any frame still needs. The Boost backend begins at the caller of fiber_arch_jump: the address at which
// that function goes on has no right frame description.
suspended_flow suspended(context const& c) noexcept {
    suspended_flow f{};
#if defined(FIBER_SWITCH_NATIVE)
    f.pc = reinterpret_cast<std::uintptr_t>(c.pc);
    f.sp = reinterpret_cast<std::uintptr_t>(c.sp);
#if defined(__x86_64__)
    f.rbx = reinterpret_cast<std::uintptr_t>(c.rbx);
    f.rbp = reinterpret_cast<std::uintptr_t>(c.rbp);
#elif defined(__aarch64__)
    f.x19_to_x28[0] = reinterpret_cast<std::uintptr_t>(c.x19);
    f.x29 = reinterpret_cast<std::uintptr_t>(c.x29);
#endif
#else
    auto const* const saved = static_cast<std::uintptr_t const*>(c.sp);
#if defined(__x86_64__)
    f = {saved[5], saved[6], saved[1], saved[2],
         saved[3], saved[4], saved[8], reinterpret_cast<std::uintptr_t>(saved + 9)};
#elif defined(__aarch64__)
    for (int i = 0; i < 10; ++i)
        f.x19_to_x28[i] = saved[8 + i];
    f.x29 = saved[18];
    f.pc = saved[20];
    f.sp = reinterpret_cast<std::uintptr_t>(saved + 22);
#endif
#endif
    return f;
}

namespace {

struct walker {
    std::uintptr_t from; // the first frame that counts
    frame_visitor visit;
    void* to;
    bool has_begun = false;

    [[nodiscard]] _Unwind_Reason_Code note(std::uintptr_t pc) noexcept {
        has_begun |= pc == from;
        if (!has_begun)
            return _URC_NO_REASON;
        // 0: beyond the outermost frame
        return pc != 0 && visit(to, reinterpret_cast<void*>(pc)) ? _URC_NO_REASON : _URC_END_OF_STACK;
    }
    static void run(void* self) noexcept {
        auto const note_frame = [](_Unwind_Context* frame, void* by) {
            return static_cast<walker*>(by)->note(_Unwind_GetIP(frame));
        };
        static_cast<void>(::_Unwind_Backtrace(note_frame, self));
    }
};

bool add(void* to, void* address) noexcept {
    auto& frames = *static_cast<backtrace*>(to);
    frames.has_more = frames.count == frames.room;
    if (frames.has_more)
        return false;
    frames.at[frames.count++] = address;
    return true;
}

} // namespace

void walk(suspended_flow const& flow, backtrace& frames) noexcept {
    walker w{flow.pc, add, &frames};
    fiber_arch_walk_suspended(&flow, walker::run, &w);
}

void walk_self(std::uintptr_t from, frame_visitor note, void* to) noexcept {
    walker w{from, note, to};
    walker::run(&w);
}

void walk_self(std::uintptr_t from, backtrace& frames) noexcept { walk_self(from, add, &frames); }

} // namespace fiber::arch
