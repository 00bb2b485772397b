// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/inspect/cycles.hpp"

#include "runtime/base/process/fatal.hpp"
#include "runtime/base/process/no_destructor.hpp"
#include "runtime/inspect/dump.hpp"
#include "runtime/wait/wait_object.hpp"

#include <algorithm>
#include <cstdio>
#include <new>
#include <unordered_map>
#include <unordered_set>

namespace fiber::rt {
namespace {

using fibers_by_number = std::unordered_map<std::uint64_t, fiber_facts const*>;

// Returns the number of the fiber that could end the wait of f; 0 if none is known.
std::uint64_t next_of(fiber_facts const& f) noexcept {
    if (f.joined != 0)
        return f.joined;
    return f.holder_number;
}

waiting_fiber member(fiber_facts const& f) { return {f.record, f.number, title_of(f), f.why, f.what}; }

// Reads the wait again. The fiber still waits for the same, and the same fiber could end it.
bool lasts(waiting_fiber const& w, std::uint64_t next) noexcept {
    fiber const& g = *w.record;
    if (g.id != w.number || g.state != fiber_state::parked || g.why != w.why || g.what != w.what)
        return false;
    if (w.why == wait_reason::join)
        return static_cast<fiber const*>(w.what)->id == next;
    agent const* const holder = holder_of_lock != nullptr ? holder_of_lock(w.what) : nullptr;
    return holder != nullptr && holder->is_fiber() && static_cast<fiber const*>(holder)->id == next;
}

bool lasts(circle const& c) noexcept {
    for (std::size_t i = 0; i < c.size(); ++i)
        if (!lasts(c[i], c[(i + 1) % c.size()].number))
            return false;
    return true;
}

} // namespace

std::vector<circle> find_circles(std::vector<runtime_facts> const& all) {
    fibers_by_number known;
    for (runtime_facts const& r : all)
        for (fiber_facts const& f : r.fibers)
            known[f.number] = &f;
    std::vector<circle> found;
    std::unordered_set<std::uint64_t> seen;
    for (auto const& [start, facts] : known) {
        std::vector<std::uint64_t> path;
        std::uint64_t at = start;
        for (auto it = known.find(at); it != known.end() && seen.insert(at).second; it = known.find(at)) {
            path.push_back(at);
            at = next_of(*it->second);
        }
        auto const begin = std::find(path.begin(), path.end(), at);
        if (begin == path.end())
            continue; // the path ends, or leads to an earlier one
        std::rotate(begin, std::min_element(begin, path.end()), path.end());
        circle c;
        for (auto i = begin; i != path.end(); ++i)
            c.push_back(member(*known[*i]));
        if (lasts(c))
            found.push_back(std::move(c));
    }
    std::sort(found.begin(), found.end(),
              [](circle const& a, circle const& b) { return a[0].number < b[0].number; });
    return found;
}

std::string to_text(circle const& c) {
    std::string text = "deadlock: ";
    for (std::size_t i = 0; i < c.size(); ++i) {
        char object[64];
        std::snprintf(object, sizeof object,
                      c[i].why == wait_reason::join ? " joins " : " waits for %s %p, held by ",
                      to_string(c[i].why), c[i].what);
        text.append(i == 0 ? c[0].title : ", which").append(object).append(c[(i + 1) % c.size()].title);
    }
    return text;
}

namespace {

constinit no_destructor<std::vector<std::uint64_t>> reported_circles; // the first number of each

} // namespace

// Called by one thread.
void report_new_circles() noexcept try {
    auto& reported = reported_circles.value;
    dump_options plain;
    plain.backtraces = false;
    for (circle const& c : find_circles(look_at_all(plain, nullptr)))
        if (std::find(reported.begin(), reported.end(), c[0].number) == reported.end()) {
            reported.push_back(c[0].number);
            warn("%s", to_text(c).c_str());
        }
} catch (std::bad_alloc const&) { // the next call tries again
}

namespace {

[[gnu::constructor(101)]] void offer_circles() { circle_reporter = report_new_circles; }

} // namespace

} // namespace fiber::rt
