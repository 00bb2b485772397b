// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/inspect/facts.hpp"

#include "runtime/inspect/duration_text.hpp"
#include "runtime/inspect/running.hpp"
#include "runtime/inspect/survey.hpp"
#include "runtime/io/netpollers.hpp"
#include "runtime/sched/coarse_clock.hpp"
#include "runtime/sched/name.hpp"
#include "runtime/sched/switch_fiber.hpp"
#include "runtime/wait/fiber_number.hpp"

#include <algorithm>
#include <iterator>
#include <unordered_map>
#include <unwind.h>

namespace fiber::rt {
namespace {

bool is_lock(wait_reason why) noexcept {
    return why == wait_reason::mutex || why == wait_reason::shared_mutex;
}

std::string text_of_holder(void const* lock, fiber_facts& f) {
    agent const* const holder = holder_of_lock != nullptr ? holder_of_lock(lock) : nullptr;
    if (holder == nullptr)
        return {};
    if (!holder->is_fiber())
        return ", held by an OS thread";
    auto const& g = static_cast<fiber const&>(*holder);
    f.holder_number = g.id;
    return std::string(", held by ") + full_name(g).text;
}

// Describes a wait: its kind first, then what is known of its object.
std::string text_of_wait(scheduler const& of, look const& l, fiber_facts& f, clock::time_point now) {
    std::string text = to_string(l.why);
    switch (l.why) {
    case wait_reason::chan_send:
    case wait_reason::chan_recv:
        if (l.what == nullptr)
            return text + ", nil channel";
        return l.knows_channel ? text + ", " + std::to_string(l.channel.size) + " of " +
                                     std::to_string(l.channel.capacity) + " buffered"
                               : text;
    case wait_reason::select:
        return l.what == nullptr ? text + ", no cases" : text;
    case wait_reason::join:
        return l.joined != 0 ? text + ", fiber " + std::to_string(l.joined) : text;
    case wait_reason::io:
        if (int const fd = descriptor_of(of, l.what); fd >= 0)
            return text + ", descriptor " + std::to_string(fd);
        return text;
    case wait_reason::sleep:
        if (l.due != never)
            return text + ", due in " + to_text(std::max(l.due - now, clock::duration::zero()));
        return text;
    default:
        return is_lock(l.why) ? text + text_of_holder(l.what, f) : text;
    }
}

char const* text_of_state(look const& l, bool in_a_call) noexcept {
    switch (l.state) {
    case fiber_state::runnable:
        return "runnable";
    case fiber_state::running:
        return in_a_call ? "blocked" : "running";
    case fiber_state::parked:
        return "parked";
    case fiber_state::dead:
        break;
    }
    return "";
}

// The name belongs to this fiber if the record still does.
std::string name_of(look const& l) {
    std::string name = copy_of_name(*l.who);
    return l.who->id == l.id && l.who->state != fiber_state::dead ? name : std::string();
}

// Finds the beginning of a function by an address in it, and remembers it: the frames of fibers are alike.
class function_finder {
public:
    [[nodiscard]] void const* operator()(void* return_address) {
        auto const [at, is_new] = known_.try_emplace(return_address);
        if (is_new)
            at->second = ::_Unwind_FindEnclosingFunction(static_cast<char*>(return_address) - 1);
        return at->second;
    }

private:
    std::unordered_map<void*, void const*> known_;
};

// If the fiber's function has parked by its last call, it may have left the stack before. Then it is added
// where it stood: it tells which fiber this is.
void add_entry(std::vector<void*>& frames, detail::closure_entry entry, function_finder& function_of) {
    if (entry == nullptr)
        return;
    auto const caller = std::find_if(frames.rbegin(), frames.rend(),
                                     [&](void* pc) { return function_of(pc) == caller_of_entries(); });
    if (caller == frames.rend())
        return;
    auto* const begin = reinterpret_cast<char*>(entry);
    if (auto const callee = std::next(caller); callee == frames.rend() || function_of(*callee) != begin)
        frames.insert(std::prev(caller.base()), begin + 1); // as if it would return to its second byte
}

fiber_facts facts_of(scheduler const& of, look const& l, survey const& all, std::string&& call,
                     function_finder& function_of) {
    fiber_facts f;
    f.id = detail::id_maker::make(l.id);
    f.number = l.id;
    f.record = l.who;
    f.name = name_of(l);
    f.state = text_of_state(l, !call.empty());
    f.why = l.why;
    f.started_at = l.started_at;
    f.on = l.on;
    f.has_more_frames = l.has_more_frames;
    auto const* const first = all.frames.data() + l.first_frame;
    f.frames.assign(first, first + l.frame_count);
    add_entry(f.frames, l.entry, function_of);
    if (l.state == fiber_state::parked) {
        if (l.why != wait_reason::sleep)
            f.object = l.what;
        f.what = l.what;
        f.joined = l.joined;
        if (l.stood_still)
            f.waiting = coarse_time(l.parked_at).until(all.at);
        f.waits_for = text_of_wait(of, l, f, all.at);
    } else if (!call.empty()) {
        f.waits_for = std::move(call);
    }
    return f;
}

} // namespace

collected_facts collect(scheduler& of, dump_options const& options, void const* from) {
    survey all = options.snapshot ? take_snapshot(of, options) : take_survey(of, options);
    auto calls = ask_running(of, all, options, from);
    function_finder function_of;
    collected_facts facts{all.fibers.size(), {}};
    facts.fibers.reserve(facts.live);
    for (std::size_t i = 0; i < all.fibers.size(); ++i) {
        fiber_facts f = facts_of(of, all.fibers[i], all, std::move(calls[i]), function_of);
        if (all.fibers[i].state != fiber_state::parked || f.waiting >= options.waiting_for)
            facts.fibers.push_back(std::move(f));
    }
    return facts;
}

} // namespace fiber::rt
