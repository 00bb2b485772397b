// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// segment.cpp: makes segments of pooled stacks, and the fatal errors of segmented stacks.
#include "runtime/stack/segment.hpp"

#include "runtime/base/process/fatal.hpp"
#include "runtime/stack/stack_class.hpp"

#include <algorithm>
#include <exception>
#include <new>

namespace fiber::rt {
namespace {

// Stands at the upper end of a stack that is pooled as a segment, below the record of the stack.
struct pooled_segment : arch::segment {
    stack& whole;
    explicit pooled_segment(stack& s) noexcept : arch::segment({s.bottom(), s.size_class.size()}), whole(s) {}
};

pooled_segment& make_segment(stack& s) noexcept {
    if (s.context.sp != nullptr) // it has served a fiber, and is suspended in fiber_main
        arch::drop_context(s.context);
    auto const end = reinterpret_cast<std::uintptr_t>(&s) & ~(alignof(pooled_segment) - 1);
    return *::new (reinterpret_cast<void*>(end - sizeof(pooled_segment))) pooled_segment(s);
}

void return_segment(arch::segment& idle) noexcept {
    stack& s = static_cast<pooled_segment&>(idle).whole;
    stack_class& of = s.size_class;
    s.next = nullptr;
    of.give(&s);
    of.unreserve(1);
}

} // namespace

void add_segment(std::size_t room) {
    constexpr std::size_t overhead = guard_size + arch::segment_slack + arch::segment_alignment +
                                     2 * sizeof(pooled_segment) + page_size; // for the colour
    stack_class& of = stack_class::of_size(std::max(min_segment_size, room + overhead));
    of.reserve(1);
    std::size_t one = 1;
    arch::put_idle_segment(make_segment(*of.take(one, one)));
}

void return_idle_segments() noexcept {
    while (arch::segment* const s = arch::take_idle_segment())
        return_segment(*s);
}

namespace {

void add_for_frame(std::size_t room) noexcept {
    try {
        add_segment(room);
    } catch (std::exception const& e) {
        fatal("a fiber's stack cannot grow by %zu bytes: %s", room, e.what());
    }
}

// Keeps the warmest segments.
void trim_idle_segments() noexcept {
    constexpr std::size_t kept = arch::max_idle_segments / 2;
    arch::segment* warmest[kept];
    for (arch::segment*& s : warmest)
        s = arch::take_idle_segment();
    return_idle_segments();
    for (std::size_t i = kept; i-- != 0;)
        arch::put_idle_segment(*warmest[i]);
}

void die(arch::growth_error why, std::size_t bytes) noexcept {
    switch (why) {
    case arch::growth_error::parked_in_leaf_call:
        fatal("a fiber has parked inside of a call that fiber::segmented makes on the OS thread's own stack: "
              "in an operator new, a new handler, the destructor of an exception");
    case arch::growth_error::no_room_for_array:
        fatal("a variable-length array or alloca of %zu bytes is larger than its segment: call that function "
              "by fiber::with_stack, or take the memory from the heap",
              bytes);
    case arch::growth_error::cannot_jump:
        fatal("longjmp cannot leave a segment: a frame on the way to setjmp has no unwind information, or "
              "setjmp was called elsewhere");
    }
}

} // namespace

constinit arch::segment_source const pooled_segments{
    .add = add_for_frame, .trim = trim_idle_segments, .die = die};

} // namespace fiber::rt
