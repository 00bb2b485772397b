// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// growth_segmented.hpp: a stack is a chain of segments. morestack_x86_64.S takes an idle segment of
// its OS thread, runs the function there, and returns the segment when the function returns. A flow
// of control therefore owns the segments that it runs on, and no others. See growth.hpp; README.md
// has pictures.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#define FIBER_NO_SPLIT [[gnu::no_split_stack]]

// Ends the process by segment_source::die.
extern "C" [[noreturn]] void fiber_arch_parked_in_leaf_call() noexcept;

namespace fiber::arch {

// How far below a stack's limit code may get. Prologues of frames below 256 bytes do not count
// their frame. Functions without a frame have a red zone. A switch or a call of __morestack needs
// space.
inline constexpr std::size_t segment_slack = 768;
// The minimum stack of a call of foreign code, in bytes.
inline constexpr std::size_t foreign_room = std::size_t{64} << 10;
// The maximum number of idle segments of an OS thread.
inline constexpr std::size_t max_idle_segments = 8;
// The alignment of copied arguments. It may cost this number of bytes beyond their size.
inline constexpr std::size_t segment_alignment = 64;

// Finds a segment from its limit alone, for example in a signal handler. The limit is segment_slack
// above the bottom. The low bits, which are zero in both, tell which segment it is:
//   0   the first stack of the fiber
//   n   a segment that was taken later, in a slot of 2^n bytes
struct segment_location {
    std::byte* bottom = nullptr; // null for an OS thread's own stack
    std::size_t slot_size = 0;   // 0 for the first stack of a fiber

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

// Stands at the upper end of a segment's memory. The first frame begins below it.
struct alignas(segment_alignment) segment {
    segment* next = nullptr;    // in the list of idle segments
    std::byte* limit = nullptr; // the limit that prologues compare with
    std::size_t room = 0;       // bytes for a frame and its arguments
    std::size_t depth = 0;      // while idle: the length of the list that it begins

    segment() noexcept = default;
    explicit segment(segment_location at) noexcept
        : limit(at.limit()),
          room(static_cast<std::size_t>(reinterpret_cast<std::byte*>(this) - limit) - segment_alignment) {}
};

// The growth data of an OS thread. All zero if it runs no fibers.
struct growth_slots {
    segment* idle = nullptr;
    std::byte* own_stack = nullptr;
    std::size_t own_stack_size = 0; // bytes below own_stack
    std::byte** limit = nullptr;    // the word that prologues compare with
    growth_slots* next_thread = nullptr;
    std::byte* saved_limit = nullptr; // the limit, while a signal handler runs without one
};

// Returns the limit of the caller's segment; null on an OS thread's own stack.
[[nodiscard, gnu::always_inline]] inline std::byte* current_limit() noexcept {
    std::byte* limit;
    asm volatile("movq %%fs:0x70, %0" : "=r"(limit));
    return limit;
}

[[gnu::always_inline]] inline void set_current_limit(std::byte* limit) noexcept {
    asm volatile("movq %0, %%fs:0x70" : : "r"(limit) : "memory");
}

enum class growth_error { parked_in_leaf_call, no_room_for_array, cannot_jump };

// Where segments come from. The caller of adopt_thread_for_growth() supplies it.
struct segment_source {
    // add() and trim() run on the OS thread's own stack. add() puts a segment with at least `room` bytes in
    // front of the idle segments, and cannot fail. trim() removes some of the idle segments.
    void (*add)(std::size_t room) noexcept;
    void (*trim)() noexcept;
    // Ends the process with a message. Runs on the fiber's own stack. `bytes` is the size of the array.
    void (*die)(growth_error, std::size_t bytes) noexcept;
};

// Prepares this OS thread to run fibers on frames below the caller's. All threads give the same source.
void adopt_thread_for_growth(segment_source const&) noexcept;
[[nodiscard]] growth_slots& this_thread_growth() noexcept;

// The idle segments of this OS thread, last in first out. Only for code that runs on the thread's
// own stack.
[[nodiscard]] segment* take_idle_segment() noexcept; // null if there is none
void put_idle_segment(segment&) noexcept;

// For signal handlers, which run on their signal stack, where the limit is meaningless. While the object
// lives, every prologue finds enough stack. If siglongjmp leaves the handler, the object is not destroyed:
// see flow_limit().
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

// flow_limit() is for code that will not return to a signal handler. In a handler, it returns the
// limit of the interrupted segment.
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
    bool in_leaf_call; // its frames on the machine's own stack would be overwritten
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
// ── morestack_x86_64.S ──
// Runs f(argument) with at least `bytes` of stack.
void fiber_arch_call_with_room(std::size_t bytes, void (*f)(void*), void* argument);

// ── growth_segmented.cpp ──
// Call the segment source. The first two are called on the OS thread's own stack.
void fiber_arch_more_segments(std::size_t room) noexcept;
void fiber_arch_fewer_segments() noexcept;
[[noreturn]] void fiber_arch_no_room_for_array(std::size_t bytes) noexcept;
[[noreturn]] void fiber_arch_cannot_jump() noexcept;
extern thread_local fiber::arch::growth_slots fiber_arch_growth __attribute__((visibility("hidden")));
extern bool fiber_arch_has_xsave __attribute__((visibility("hidden")));
}
