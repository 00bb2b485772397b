// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// growth_segmented.hpp: a stack is a chain of segments. morestack_x86_64.S takes another one from those that its OS
// thread has idle, runs the function there, and puts it back when that returns: so a flow of control has the segments
// that it stands on, and no others. See growth.hpp, and README.md for pictures.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#define FIBER_NO_SPLIT [[gnu::no_split_stack]]

// By runtime/stack/segment.cpp. Ends the process.
extern "C" [[noreturn]] void fiber_arch_parked_in_leaf_call() noexcept;

namespace fiber::arch {

// How far below a stack's limit code may get: frames of less than 256 bytes are not compared by themselves, functions
// without a frame have a red zone, a switch and a call of __morestack have to find place.
inline constexpr std::size_t segment_slack = 768;
// What a call of foreign code finds at the least, in bytes.
inline constexpr std::size_t foreign_room = std::size_t{64} << 10;
// Idle segments that an OS thread keeps.
inline constexpr std::size_t max_idle_segments = 8;
// What copied arguments may take beyond their size, for they are aligned.
inline constexpr std::size_t segment_alignment = 64;

// Where a segment is, of which nothing is at hand but its limit: in a signal handler, say. The limit stands so far above
// the bottom, and in the bits that are zero in both, what segment it is:
//   0   the fiber's own stack, with which it began
//   n   one that was taken, in a slot of 2^n bytes
struct segment_location {
    std::byte* bottom = nullptr; // null: an OS thread's own stack
    std::size_t slot_size = 0;   // 0: the fiber's own

    [[nodiscard]] static segment_location of(std::byte* limit) noexcept {
        if (limit == nullptr)
            return {};
        auto const log = reinterpret_cast<std::uintptr_t>(limit) % segment_alignment;
        return {limit - log - segment_slack, log != 0 ? std::size_t{1} << log : 0};
    }
    [[nodiscard]] std::byte* limit() const noexcept {
        return bottom + segment_slack + (slot_size != 0 ? std::countr_zero(slot_size) : 0);
    }
};
static_assert(segment_slack % segment_alignment == 0, "or the bits are not zero");

// Stands at the upper end of a segment's memory, where the first frame begins below it.
struct alignas(segment_alignment) segment {
    segment* next = nullptr;    // among the idle
    std::byte* limit = nullptr; // what prologues compare with
    std::size_t room = 0;       // for a frame with its arguments
    std::size_t depth = 0;      // while it is idle: how many it is the first of

    segment() noexcept = default;
    explicit segment(segment_location at) noexcept
        : limit(at.limit()),
          room(static_cast<std::size_t>(reinterpret_cast<std::byte*>(this) - limit) - segment_alignment) {}
};

// An OS thread's. Zero where it runs no fibers.
struct growth_slots {
    segment* idle = nullptr;
    std::byte* own_stack = nullptr;
    std::size_t own_stack_size = 0; // below that
    std::byte** limit = nullptr;    // where prologues look
    growth_slots* next_thread = nullptr;
    std::byte* saved_limit = nullptr; // the limit, while a signal handler goes without
};

// Of the segment that the caller stands on; null: an OS thread's own stack.
[[nodiscard, gnu::always_inline]] inline std::byte* current_limit() noexcept {
    std::byte* limit;
    asm volatile("movq %%fs:0x70, %0" : "=r"(limit));
    return limit;
}

[[gnu::always_inline]] inline void set_current_limit(std::byte* limit) noexcept {
    asm volatile("movq %0, %%fs:0x70" : : "r"(limit) : "memory");
}

// This OS thread will run fibers, from below the caller's frame.
void adopt_thread_for_growth() noexcept;
[[nodiscard]] growth_slots& this_thread_growth() noexcept;

// This OS thread's idle segments, last in first out. For code that runs on its own stack.
[[nodiscard]] segment* take_idle_segment() noexcept; // null: there is none
void put_idle_segment(segment&) noexcept;

// While it lives all code finds room: in a handler of signals, on the stack that is theirs, where the limit says nothing.
// One that is left by siglongjmp is not destroyed: see flow_limit().
class limit_suspension {
public:
    FIBER_NO_SPLIT limit_suspension() noexcept;
    FIBER_NO_SPLIT ~limit_suspension();
    limit_suspension(limit_suspension const&) = delete;
    limit_suspension& operator=(limit_suspension const&) = delete;

private:
    std::byte* const limit_;
    std::byte* const outer_saved_limit_;
};

// For one who will not return to a handler: in one, the limit of the segment that was interrupted.
[[nodiscard]] std::byte* flow_limit() noexcept;
[[nodiscard]] segment_location interrupted_segment() noexcept;

class growth_state {
public:
    void attach(void* bottom) noexcept { limit_ = segment_location{static_cast<std::byte*>(bottom)}.limit(); }
    FIBER_NO_SPLIT [[gnu::always_inline]] void start_switch(growth_state const& to) noexcept;

private:
    std::byte* limit_ = nullptr;
};

inline void growth_state::start_switch(growth_state const& to) noexcept {
    std::size_t below;
    std::uintptr_t slots;
    bool in_leaf_call; // what a fiber leaves on its machine's own stack, others would overwrite
    asm volatile("movq fiber_arch_growth@gottpoff(%%rip), %1\n\t"
                 "movq %%fs:%c3(%1), %0\n\t"
                 "subq %%rsp, %0\n\t"
                 "cmpq %%fs:%c4(%1), %0"
                 : "=&r"(below), "=&r"(slots), "=@ccb"(in_leaf_call)
                 : "i"(offsetof(growth_slots, own_stack)), "i"(offsetof(growth_slots, own_stack_size)));
    if (in_leaf_call) [[unlikely]]
        fiber_arch_parked_in_leaf_call();
    limit_ = current_limit();
    set_current_limit(to.limit_);
}

} // namespace fiber::arch

extern "C" {
// ── by whoever has segments (runtime/stack/segment.cpp), on the OS thread's own stack ──
// Puts one with that much room in front of the idle ones. Cannot fail.
void fiber_arch_more_segments(std::size_t room) noexcept;
// Takes some of the idle ones away.
void fiber_arch_fewer_segments() noexcept;
// These end the process: on the fiber's own stack.
[[noreturn]] void fiber_arch_no_room_for_array(std::size_t bytes) noexcept;
[[noreturn]] void fiber_arch_cannot_jump() noexcept;

// ── morestack_x86_64.S ──
// Runs f(argument) with at least that much stack.
void fiber_arch_call_with_room(std::size_t bytes, void (*f)(void*), void* argument);

// ── growth_segmented.cpp ──
extern thread_local fiber::arch::growth_slots fiber_arch_growth __attribute__((visibility("hidden")));
extern bool fiber_arch_has_xsave __attribute__((visibility("hidden")));
}
