// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/inspect/look.hpp"

#include "runtime/sched/name.hpp"
#include "runtime/stack/stack.hpp"
#include "runtime/time/timer_heap.hpp"

#include <algorithm>

namespace fiber::rt {
namespace {

void look_at_object(look& l, channel_memory& channels) noexcept {
    if (l.what == nullptr)
        return;
    switch (l.why) {
    case wait_reason::chan_send:
    case wait_reason::chan_recv:
        l.knows_channel = channels.read(l.what, l.channel);
        break;
    case wait_reason::join:
        l.joined = static_cast<fiber const*>(l.what)->id;
        break;
    case wait_reason::sleep:
        l.due = static_cast<timer const*>(l.what)->when;
        break;
    default:
        break;
    }
}

} // namespace

bool channel_memory::read(void const* channel, channel_facts& to) noexcept {
    if (channel != last_) {
        last_ = channel;
        is_known_ = facts_of_channel != nullptr && facts_of_channel(channel, facts_, self_);
    }
    to = facts_;
    return is_known_;
}

look look_at(fiber const& g, scheduler const& of, during when, channel_memory& channels) noexcept {
    look l;
    l.state = g.state;
    if (g.scheduler != &of || l.state == fiber_state::dead || g.is_from_parent() || is_library_fiber(g))
        return l;
    l.who = &g;
    l.id = g.id;
    l.on = g.stack;
    l.started_at = g.started_at;
    if (l.state == fiber_state::parked) {
        l.why = g.why;
        l.what = g.what;
    }
    l.stood_still = when == during::standstill;
    if (l.stood_still && l.state == fiber_state::parked) {
        l.parked_at = l.on->context.state.parked_at;
        l.entry = g.has_locals ? nullptr : g.entry; // kept until the fiber makes a fiber-local value
        look_at_object(l, channels);
    }
    return l;
}

// A runnable fiber with the reason of a past wait has run before. Another one may have a stack that it has
// not begun to use.
void add_frames(look& l, arch::backtrace& to) noexcept {
    bool const is_suspended =
        l.state == fiber_state::parked ||
        (l.state == fiber_state::runnable && l.on != nullptr && l.who->why != wait_reason::none);
    if (!is_suspended)
        return;
    l.first_frame = to.count;
    arch::backtrace own{to.at + to.count, std::min(to.room - to.count, max_frames)};
    arch::walk(arch::suspended(l.on->context), own);
    to.count += own.count;
    l.frame_count = own.count;
    l.has_more_frames = own.has_more;
}

} // namespace fiber::rt
